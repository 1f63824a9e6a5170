SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialToWkt: WKT of serialized geometry or geography, with Z and M.
-- Writes up to four numbers a position without a tag (POINT (1 2 3)) or, with dialect = iso, tagged WKT (POINT Z (1 2
-- 3)), where a Z or M that only some positions have is an error. For geography x is the longitude, as in all WKT.
-- Curves are written as such; FULLGLOBE is an error with dialect = iso, which has no word for it.
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
--   @dialect (one of sql_server, iso) Spelling of Z and M: sql_server has no tag and writes NULL, as in POINT (1 2 NULL
--            4); iso has one, as in POINT M (1 2 4).
--   @ordinates (one of all, xy) Whether Z and M are written, or x and y alone.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   wkt varchar(max) [text]: The shape as well-known text.
--
-- NULL: NULL gives NULL, and so does the null instance (the 4 bytes 0xFFFFFFFF).
-- Empty: Empty shapes are kept as such. No rows give no rows.
-- NaN and infinity: NaN in Z or M counts as missing; an infinite one, for which text has no word, is an error.
-- Accuracy: The text gives the same doubles back: 15 digits where those do, else 17.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: CAST(g AS varbinary(max)) gives the bytes. As ToString() and AsTextZM(), or with ordinates = xy as
--           STAsText().
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialToWkt]
--       @source = N'SELECT [id], [geometry] FROM (VALUES (CAST(1 AS bigint), CAST(0x00000000010E000000000000F03F00000000000000400000000000001040 AS varbinary(max))), (CAST(2 AS bigint), CAST(NULL AS varbinary(max)))) AS [example] ([id], [geometry])';
--   gives 1 | 'POINT (1 2 NULL 4)'
--   gives 2 | NULL
CREATE OR ALTER PROCEDURE [hart].[SpatialToWkt]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[GeometryRows] READONLY,
    @type varchar(64) = 'geometry',
    @dialect varchar(64) = 'sql_server',
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
                @script = N'spatial_to_wkt',
                @input_data_1 = @input,
                @params = N'@type varchar(64), @dialect varchar(64), @ordinates varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @type = @type,
                @dialect = @dialect,
                @ordinates = @ordinates,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_to_wkt',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@type varchar(64), @dialect varchar(64), @ordinates varchar(64)',
                @type = @type,
                @dialect = @dialect,
                @ordinates = @ordinates
                WITH RESULT SETS (([id] bigint, [wkt] varchar(max), [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_to_wkt',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@type varchar(64), @dialect varchar(64), @ordinates varchar(64), @r_rowsPerRead int',
                @type = @type,
                @dialect = @dialect,
                @ordinates = @ordinates,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [wkt] varchar(max)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
