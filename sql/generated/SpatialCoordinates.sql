SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialCoordinates: The positions of serialized geometry or geography, one row each.
-- All positions in stored order: members one after the other, a polygon's rings as they are stored, closing positions
-- repeated. For geography x is the longitude. Of a curve these are the positions that its arcs go through, one where
-- two parts meet. The tables of the value are checked; whether lines and rings are proper is not looked at.
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
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   point int [index from 0]: Number of the position in stored order.
--   x float [length]: X.
--   y float [length]: Y.
--   z float [length]: Z; NULL where it has none.
--   m float: M; NULL where it has none.
--
-- NULL: NULL and the null instance give no rows.
-- Empty: Empty shapes give no rows.
-- NaN and infinity: x and y that are not finite are errors; NaN in Z or M counts as missing.
-- Accuracy: Exact.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: CAST(g AS varbinary(max)) gives the bytes. Positions within a line are counted as STPointN does. FLOAT
--           holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialCoordinates]
--       @source = N'SELECT [id], [geometry] FROM (VALUES (CAST(7 AS bigint), CAST(0x000000000115000000000000000000000000000000000000000000000000000000000000F03F000000000000F8FF0000000000000040 AS varbinary(max))), (CAST(8 AS bigint), CAST(NULL AS varbinary(max)))) AS [example] ([id], [geometry])';
--   gives 7 | 0 | 0 | 0 | NULL | NULL
--   gives 7 | 1 | 0 | 1 | 2 | NULL
CREATE OR ALTER PROCEDURE [hart].[SpatialCoordinates]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[GeometryRows] READONLY,
    @type varchar(64) = 'geometry',
    @by_part bit = 0,
    @parallel bit = 0,
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
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_coordinates',
                @input_data_1 = @input,
                @params = N'@type varchar(64), @rows_json varchar(max) OUTPUT',
                @type = @type,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_coordinates',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@type varchar(64)',
                @type = @type
                WITH RESULT SETS (([id] bigint, [point] int, [x] float, [y] float, [z] float, [m] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_coordinates',
                @input_data_1 = @input,
                @params = N'@type varchar(64)',
                @type = @type
                WITH RESULT SETS (([id] bigint, [point] int, [x] float, [y] float, [z] float, [m] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
