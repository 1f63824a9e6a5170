SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorQuantize: A code of each vector, a byte a component, that bounds distances for certain.
-- With a scale s, integers q of 8 bits, and the norms of the vector and of what the code leaves out (v - s*q), rounded
-- up. vector_candidates finds with the codes alone the rows that may be among the nearest, a quarter of the bytes of
-- singles. A checksum of the vector in its code tells where they do not belong together. s and q are those of least
-- squares for a step of 1/127 of the greatest component; bytes (i8) are their own code. The layout has a version.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   code varbinary(max): Code of the vector: 40 bytes, and one for each component.
--
-- NULL: NULL in any vector of a row gives NULL.
-- Empty: The code of an empty vector has no bytes of components.
-- NaN and infinity: The code of a vector with NaN or an infinity, or whose norm is no single, proves nothing: such a
--                   row is always a candidate.
-- Accuracy: The norms hold for what is stored, whatever it is. Same bytes on every machine.
-- Chunks: Row by row: chunks do not change results.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorQuantize]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[1,-0.5,0.25,0]'' AS varchar(max))), (CAST(2 AS bigint), CAST(NULL AS varchar(max)))) AS [example] ([id], [v])';
--   gives 1 | 0x4843010004000000D9C3003C49537B3B76A4923F9C1765330153000000000000BC6AC9257C77D29FFF40A080
--   gives 2 | NULL
CREATE OR ALTER PROCEDURE [hart].[VectorQuantize]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
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
        SELECT [id], [v] INTO [#hart_rows] FROM @source_rows;
        SET @source =
            CASE WHEN EXISTS (SELECT * FROM [#hart_rows] WHERE DATALENGTH([v]) > 8000)
                THEN N'SELECT [id], [v] FROM [#hart_rows]'
                ELSE N'SELECT [id], CAST([v] AS varbinary(8000)) AS [v] FROM [#hart_rows]'
            END;
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,v', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_quantize',
                @input_data_1 = @input,
                @params = N'@element varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @element = @element,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_quantize',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@element varchar(64)',
                @element = @element
                WITH RESULT SETS (([id] bigint, [code] varbinary(max), [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_quantize',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@element varchar(64), @r_rowsPerRead int',
                @element = @element,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [code] varbinary(max)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
