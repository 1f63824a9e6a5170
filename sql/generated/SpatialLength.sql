SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialLength: The length of lines and outlines, in space.
-- The sum over all segments of lines and rings of the value; points have length 0. Arcs are errors that name their
-- type.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.GeometryRows), with these columns and no
--        others. They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   geometry varbinary [serialized]: The serialized value.
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
--   length float [length]: Length of all lines and rings.
--
-- NULL: NULL gives NULL, and so does the null instance (the 4 bytes 0xFFFFFFFF).
-- Empty: Empty shapes have length 0. No rows give no rows.
-- NaN and infinity: x and y that are not finite are errors. A result that leaves the range of doubles is infinite.
-- Accuracy: Of s segments a relative error of at most 5*2^-53 + s^2*2^-106, for coordinates of any size; below the
--           range of normal doubles each segment may be off by half a unit in the last place. Same bits on every
--           machine.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: CAST(g AS varbinary(max)) gives the bytes. STLength() is that of dimensions = 2. STCurveToLine() makes
--           straight segments of arcs. FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialLength]
--       @source = N'SELECT [id], [geometry] FROM (VALUES (CAST(1 AS bigint), CAST(0x0000000001140000000000000000000000000000000000000000000008400000000000001040 AS varbinary(max))), (CAST(2 AS bigint), CAST(NULL AS varbinary(max)))) AS [example] ([id], [geometry])';
--   gives 1 | 5
--   gives 2 | NULL
CREATE OR ALTER PROCEDURE [hart].[SpatialLength]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[GeometryRows] READONLY,
    @dimensions int = 3,
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_per_read int = 10000,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @source IS NOT NULL AND EXISTS (SELECT * FROM @source_rows)
        THROW 59908, N'@source and @source_rows are both given; expected one of them', 1;
    IF @source IS NULL
    BEGIN
        IF NOT EXISTS (SELECT * FROM @source_rows)
            THROW 59909, N'neither @source nor a row in @source_rows is given; expected one of them', 1;
        IF @by_part = 1
            THROW 59907, N'@by_part = 1 needs @source: the rows of @source_rows have no column part', 1;
        SELECT [id], [geometry] INTO [#hart_rows] FROM @source_rows;
        SET @source = N'SELECT [id], [geometry] FROM [#hart_rows]';
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,geometry', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_length',
                @input_data_1 = @input,
                @params = N'@dimensions int, @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @dimensions = @dimensions,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_length',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@dimensions int',
                @dimensions = @dimensions
                WITH RESULT SETS (([id] bigint, [length] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_length',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@dimensions int, @r_rowsPerRead int',
                @dimensions = @dimensions,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [length] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
