SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialToWkb: ISO WKB of serialized geometry or geography, with Z and M.
-- Little-endian. An empty point is written as an empty MULTIPOINT; a Z or M that only some positions have is NaN in the
-- others. For geography x is the longitude, as in all WKB. Curves have the codes 8 to 10, FULLGLOBE 126.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.GeometryRows), with these columns and no
--        others. They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   geometry varbinary [serialized]: The serialized value.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @type (one of geometry, geography) Which type the bytes are of: they do not say so, and geography stores latitude
--         before longitude.
--   @ordinates (one of all, xy) Whether Z and M are written, or x and y alone.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   wkb varbinary(max) [WKB]: The shape as well-known binary.
--
-- NULL: NULL gives NULL, and so does the null instance (the 4 bytes 0xFFFFFFFF).
-- Empty: Empty shapes are kept as such, but for an empty point, which becomes an empty MULTIPOINT.
-- NaN and infinity: x and y that are not finite are errors; NaN in Z or M counts as missing.
-- Accuracy: Exact, but for -0, which is written as 0.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: CAST(g AS varbinary(max)) gives the bytes. As AsBinaryZM(), or with ordinates = xy as STAsBinary().
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialToWkb]
--       @source = N'SELECT [id], [geometry] FROM (VALUES (CAST(1 AS bigint), CAST(0x00000000010D000000000000F03F00000000000000400000000000000840 AS varbinary(max))), (CAST(2 AS bigint), CAST(NULL AS varbinary(max)))) AS [example] ([id], [geometry])';
--   gives 1 | 0x01E9030000000000000000F03F00000000000000400000000000000840
--   gives 2 | NULL
CREATE OR ALTER PROCEDURE [hart].[SpatialToWkb]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[GeometryRows] READONLY,
    @type varchar(64) = 'geometry',
    @ordinates varchar(64) = 'all',
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
                @script = N'spatial_to_wkb',
                @input_data_1 = @input,
                @params = N'@type varchar(64), @ordinates varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @type = @type,
                @ordinates = @ordinates,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_to_wkb',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@type varchar(64), @ordinates varchar(64)',
                @type = @type,
                @ordinates = @ordinates
                WITH RESULT SETS (([id] bigint, [wkb] varbinary(max), [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_to_wkb',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@type varchar(64), @ordinates varchar(64), @r_rowsPerRead int',
                @type = @type,
                @ordinates = @ordinates,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [wkb] varbinary(max)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
