SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialFromWkb: Serialized geometry or geography from WKB, with Z and M.
-- Reads both byte orders, of which each member may have its own, and ISO's codes: 1 to 10 (8, 9 and 10 are curves),
-- plus 1000 for Z, 2000 for M or 3000 for both, and 126 for FULLGLOBE. Reads also EWKB, which PostGIS and shapely write
-- for Z and M, with its SRID. A point whose coordinates are NaN is empty, NaN in Z or M is missing. With type =
-- geography x is the longitude, the rings are kept as they run, and the SRID must be one for the globe, such as 4326;
-- only points, FULLGLOBE and what `validity` calls valid are flagged so.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   wkb varbinary [WKB]: The shape as well-known binary.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @srid (an integer from 0 to 999999) Identifier of the reference system. A value that names its own (SRID=4326;
--         before a text, EWKB) keeps that; where both are given and differ, it is an error. geography needs one for the
--         globe, such as 4326.
--   @type (one of geometry, geography) Which type the bytes are of: they do not say so, and geography stores latitude
--         before longitude.
--   @validity (one of computed, valid, invalid) The flag stored with the shape that says whether it is valid; readers
--             believe it. computed sets it where the shape is valid beyond doubt; valid and invalid set it as the
--             caller knows.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   geometry varbinary(max) [serialized]: The serialized value.
--
-- NULL: NULL gives NULL.
-- Empty: Empty shapes are kept as such; no bytes are an error.
-- NaN and infinity: x and y that are not finite are errors; NaN in Z or M counts as missing.
-- Accuracy: Exact, but for -0, which is written as 0.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: CAST(geometry AS GEOMETRY) takes the bytes. The server itself refuses EWKB. Bytes of CAST(g AS
--           varbinary(max)) are no WKB: STAsBinary() and AsBinaryZM() give it. Where the flag of validity is not set,
--           most methods raise error 24144 until MakeValid() has been called.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialFromWkb]
--       @source = N'SELECT [id], [wkb] FROM (VALUES (CAST(1 AS bigint), CAST(0x01E9030000000000000000F03F00000000000000400000000000000840 AS varbinary(max))), (CAST(2 AS bigint), CAST(NULL AS varbinary(max)))) AS [example] ([id], [wkb])';
--   gives 1 | 0x00000000010D000000000000F03F00000000000000400000000000000840
--   gives 2 | NULL
CREATE OR ALTER PROCEDURE [hart].[SpatialFromWkb]
(
    @source nvarchar(max),
    @srid int = 0,
    @type varchar(64) = 'geometry',
    @validity varchar(64) = 'computed',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_per_read int = 10000,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,wkb', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_from_wkb',
                @input_data_1 = @input,
                @params = N'@srid int, @type varchar(64), @validity varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @srid = @srid,
                @type = @type,
                @validity = @validity,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_from_wkb',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@srid int, @type varchar(64), @validity varchar(64)',
                @srid = @srid,
                @type = @type,
                @validity = @validity
                WITH RESULT SETS (([id] bigint, [geometry] varbinary(max), [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_from_wkb',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@srid int, @type varchar(64), @validity varchar(64), @r_rowsPerRead int',
                @srid = @srid,
                @type = @type,
                @validity = @validity,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [geometry] varbinary(max)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
