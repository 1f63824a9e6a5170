SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialDistanceAlong: How far along a line a position is, and how far from it.
-- The place of the line that is nearest to the position, the first of equally near ones: its distance from the line's
-- start, measured along the line, and its distance from the position. A MULTILINESTRING counts as its lines one after
-- the other, without the gaps. Other shapes are errors.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   geometry varbinary [serialized]: The serialized value.
--   x float, real, numeric or an integer type [length]: X.
--   y float, real, numeric or an integer type [length]: Y.
--   z float, real, numeric or an integer type [length]: Z; NULL for none.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @dimensions (an integer from 2 to 3) 3 for distances in space, 2 for the plane. Z counts between two positions that
--               have it.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   distance_along float [length]: From the line's start.
--   distance float [length]: From the position to the line.
--
-- NULL: NULL in the line, x or y gives NULL. Without z, or where the line has none, distances are those of the plane.
-- Empty: An empty line gives NULL.
-- NaN and infinity: x and y that are not finite are errors. A result that leaves the range of doubles is infinite.
-- Accuracy: With d the largest distance between the position and a corner of the line: distance_along is off by at most
--           2^-48*(d + distance_along), distance by 2^-48*d, for coordinates of any size; below the range of normal
--           doubles four units in the last place come on top. Of places whose distances from the position differ by no
--           more than that, any may be taken. Same bits on every machine.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: CAST(g AS varbinary(max)) gives the bytes. The server computes in the plane (dimensions = 2).
--           STCurveToLine() makes a line of a curve. FLOAT holds neither NaN nor infinity: such a result arrives as
--           NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialDistanceAlong]
--       @source = N'SELECT [id], [geometry], [x], [y], [z] FROM (VALUES (CAST(1 AS bigint), CAST(0x0000000001140000000000000000000000000000000000000000000008400000000000001040 AS varbinary(max)), CAST(7e0 AS float), CAST(1e0 AS float), CAST(NULL AS float)), (CAST(2 AS bigint), CAST(0x0000000001140000000000000000000000000000000000000000000008400000000000001040 AS varbinary(max)), CAST(NULL AS float), CAST(1e0 AS float), CAST(NULL AS float))) AS [example] ([id], [geometry], [x], [y], [z])';
--   gives 1 | 5 | 5
--   gives 2 | NULL | NULL
CREATE OR ALTER PROCEDURE [hart].[SpatialDistanceAlong]
(
    @source nvarchar(max),
    @dimensions int = 3,
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_per_read int = 10000,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,geometry,x,y,z', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_distance_along',
                @input_data_1 = @input,
                @params = N'@dimensions int, @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @dimensions = @dimensions,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_distance_along',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@dimensions int',
                @dimensions = @dimensions
                WITH RESULT SETS (([id] bigint, [distance_along] float, [distance] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_distance_along',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@dimensions int, @r_rowsPerRead int',
                @dimensions = @dimensions,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [distance_along] float, [distance] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
