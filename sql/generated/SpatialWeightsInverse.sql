SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialWeightsInverse: The values of serialized lines through (index, value), as packed vectors.
-- The y of all positions in stored order, rounded to the element type. x is not looked at. Curves are errors:
-- spatial_weights writes none.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.GeometryRows), with these columns and no
--        others. They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   geometry varbinary [serialized]: The serialized value.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @element (one of f32, f64) Element type of the result.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   weights varbinary(max): The packed little-endian elements.
--
-- NULL: NULL gives NULL, and so does the null instance (the 4 bytes 0xFFFFFFFF).
-- Empty: Empty shapes give an empty vector.
-- NaN and infinity: A y that f32 cannot hold is an error.
-- Accuracy: Exact for vectors that spatial_weights has written, but for -0, which comes back as 0.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: CAST(g AS varbinary(max)) gives the bytes.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialWeightsInverse]
--       @source = N'SELECT [id], [geometry] FROM (VALUES (CAST(1 AS bigint), CAST(0x0000000001140000000000000000000000000000E03F000000000000F03F00000000000000C0 AS varbinary(max))), (CAST(2 AS bigint), CAST(NULL AS varbinary(max)))) AS [example] ([id], [geometry])';
--   gives 1 | 0x0000003F000000C0
--   gives 2 | NULL
CREATE OR ALTER PROCEDURE [hart].[SpatialWeightsInverse]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[GeometryRows] READONLY,
    @element varchar(64) = 'f32',
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
                @script = N'spatial_weights_inverse',
                @input_data_1 = @input,
                @params = N'@element varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @element = @element,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_weights_inverse',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@element varchar(64)',
                @element = @element
                WITH RESULT SETS (([id] bigint, [weights] varbinary(max), [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_weights_inverse',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@element varchar(64), @r_rowsPerRead int',
                @element = @element,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [weights] varbinary(max)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
