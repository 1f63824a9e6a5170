SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorRandomProjection: Random projections to fewer dimensions, which keep distances.
-- sqrt(s/k)*R*x with a matrix R of k rows whose entries are independent: 1 and -1 with the probability 1/(2s) each,
-- else 0; s is 1 with dense, 3 with achlioptas and sqrt n with li. They are drawn row by row from SplitMix64 from the
-- seed: u in [0, 1) gives 1 where s*u is below 1/2, -1 where it is below 1. The expectation of a squared distance is
-- its true value. Vectors that are to be compared need the same seed, entries and dimensions: rows of other dimensions
-- are projected too, by a matrix of their own, which is the same in every chunk.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @dimensions (an integer from 1 to 65536) Dimensions of the result (k); vector_johnson_lindenstrauss says how many
--               keep all distances, with dense and achlioptas.
--   @entries (one of dense, achlioptas, li) Entries that are not 0: all with dense, a third with achlioptas, one in
--            sqrt n of n dimensions with li, which keeps only distances of vectors whose differences have their length
--            in many components.
--   @seed (an integer >= 0) Seed of SplitMix64, from which the matrix is drawn: the same for vectors that are to be
--         compared.
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
-- NULL: A NULL vector gives NULL.
-- Empty: No rows give no rows. Empty vectors give zeros.
-- NaN and infinity: NaN and infinities follow IEEE 754: a vector with NaN gives NaN.
-- Accuracy: Sums as vector_dot_product, multiplied by sqrt(s/k) in double precision and rounded. Same bits on every
--           instruction set, thread count and batch shape. O(rows * dimensions of both).
-- Chunks: Row by row: chunks do not change results.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorRandomProjection]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[2]'' AS varchar(max))), (CAST(2 AS bigint), CAST(NULL AS varchar(max)))) AS [example] ([id], [v])',
--       @dimensions = 4,
--       @entries = N'dense',
--       @result_vectors = 'json';
--   gives 1 | [-1,1,1,1]
--   gives 2 | NULL
CREATE OR ALTER PROCEDURE [hart].[VectorRandomProjection]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @dimensions int,
    @entries varchar(64) = 'achlioptas',
    @seed bigint = 42,
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
                @script = N'vector_random_projection',
                @input_data_1 = @input,
                @params = N'@dimensions int, @entries varchar(64), @seed bigint, @element varchar(64), @result_vectors varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @dimensions = @dimensions,
                @entries = @entries,
                @seed = @seed,
                @element = @element,
                @result_vectors = @result_vectors,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1 AND LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_random_projection',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@dimensions int, @entries varchar(64), @seed bigint, @element varchar(64), @result_vectors varchar(64)',
                @dimensions = @dimensions,
                @entries = @entries,
                @seed = @seed,
                @element = @element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([id] bigint, [result] varchar(max), [part] bigint));
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_random_projection',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@dimensions int, @entries varchar(64), @seed bigint, @element varchar(64), @result_vectors varchar(64)',
                @dimensions = @dimensions,
                @entries = @entries,
                @seed = @seed,
                @element = @element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([id] bigint, [result] varbinary(max), [part] bigint));
        ELSE IF LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_random_projection',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@dimensions int, @entries varchar(64), @seed bigint, @element varchar(64), @result_vectors varchar(64), @r_rowsPerRead int',
                @dimensions = @dimensions,
                @entries = @entries,
                @seed = @seed,
                @element = @element,
                @result_vectors = @result_vectors,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [result] varchar(max)));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_random_projection',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@dimensions int, @entries varchar(64), @seed bigint, @element varchar(64), @result_vectors varchar(64), @r_rowsPerRead int',
                @dimensions = @dimensions,
                @entries = @entries,
                @seed = @seed,
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
