SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialPoint: Serialized points from coordinates, with Z and M where they are not NULL.
-- The compact form of 22, 30 or 38 bytes, always flagged valid. With type = geography, x is the longitude and y the
-- latitude.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   x float, real, numeric or an integer type [length]: X.
--   y float, real, numeric or an integer type [length]: Y.
--   z float, real, numeric or an integer type [length]: Z; NULL for none.
--   m float, real, numeric or an integer type: M, a measure; NULL for none.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @srid (an integer from 0 to 999999) Identifier of the reference system. geography needs one for the globe, such as
--         4326.
--   @type (one of geometry, geography) Which type the bytes are of: they do not say so, and geography stores latitude
--         before longitude.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   geometry varbinary(38) [serialized]: The serialized value.
--
-- NULL: NULL in x or y gives NULL; NULL in z or m gives a point without it.
-- Empty: No rows give no rows.
-- NaN and infinity: x and y that are not finite are errors; NaN in Z or M counts as missing.
-- Accuracy: Exact, but for -0, which is written as 0.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: CAST(geometry AS GEOMETRY) takes the bytes, which are those that the server writes. geometry::Point has no
--           Z.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialPoint]
--       @source = N'SELECT [id], [x], [y], [z], [m] FROM (VALUES (CAST(1 AS bigint), CAST(1e0 AS float), CAST(2e0 AS float), CAST(3e0 AS float), CAST(NULL AS float)), (CAST(2 AS bigint), CAST(1e0 AS float), CAST(NULL AS float), CAST(3e0 AS float), CAST(NULL AS float))) AS [example] ([id], [x], [y], [z], [m])';
--   gives 1 | 0x00000000010D000000000000F03F00000000000000400000000000000840
--   gives 2 | NULL
CREATE OR ALTER PROCEDURE [hart].[SpatialPoint]
(
    @source nvarchar(max),
    @srid int = 0,
    @type varchar(64) = 'geometry',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_per_read int = 10000,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,x,y,z,m', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_point',
                @input_data_1 = @input,
                @params = N'@srid int, @type varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @srid = @srid,
                @type = @type,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_point',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@srid int, @type varchar(64)',
                @srid = @srid,
                @type = @type
                WITH RESULT SETS (([id] bigint, [geometry] varbinary(38), [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_point',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@srid int, @type varchar(64), @r_rowsPerRead int',
                @srid = @srid,
                @type = @type,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [geometry] varbinary(38)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
