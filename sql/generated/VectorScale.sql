SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorScale: A vector times a number.
-- v_i*factor. The factor is rounded to f32 first; a component that overflows by that, and every component where 0 <
-- |factor| < 2^-126, is computed in f64 from the factor given.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @factor (a finite number) What every component is multiplied by.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @result_vectors (packed or json) How result vectors are written; JSON can be stored in a VECTOR column.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   result varbinary(max) or varchar(max): The resulting vector: packed if the first vector was packed, JSON if it was
--          JSON, which is NULL where a component is NaN or infinite; f32 where the elements are i8.
--
-- NULL: NULL in any vector of a row gives NULL.
-- Empty: The empty vector gives an empty vector.
-- NaN and infinity: NaN and infinities follow IEEE 754, component by component.
-- Accuracy: Correctly rounded product of the vector's component and the rounded factor; where it is computed in f64, of
--           the factor as given, within 0.5 + 2^-29 ulp. It is infinite only where the product is.
-- Other elements: For f64 elements the factor is not rounded. For f16 and bf16 the f32 result is rounded once more.
-- Chunks: Row by row: chunks do not change results.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorScale]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[1,-2]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @factor = 5e-1,
--       @result_vectors = 'json';
--   gives 1 | [0.5,-1]
CREATE OR ALTER PROCEDURE [hart].[VectorScale]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @factor float,
    @element varchar(64) = 'f32',
    @result_vectors varchar(64) = 'packed',
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
                @script = N'vector_scale',
                @input_data_1 = @input,
                @params = N'@factor float, @element varchar(64), @result_vectors varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @factor = @factor,
                @element = @element,
                @result_vectors = @result_vectors,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1 AND LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_scale',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@factor float, @element varchar(64), @result_vectors varchar(64)',
                @factor = @factor,
                @element = @element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([id] bigint, [result] varchar(max), [part] bigint));
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_scale',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@factor float, @element varchar(64), @result_vectors varchar(64)',
                @factor = @factor,
                @element = @element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([id] bigint, [result] varbinary(max), [part] bigint));
        ELSE IF LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_scale',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@factor float, @element varchar(64), @result_vectors varchar(64), @r_rowsPerRead int',
                @factor = @factor,
                @element = @element,
                @result_vectors = @result_vectors,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [result] varchar(max)));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_scale',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@factor float, @element varchar(64), @result_vectors varchar(64), @r_rowsPerRead int',
                @factor = @factor,
                @element = @element,
                @result_vectors = @result_vectors,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [result] varbinary(max)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
