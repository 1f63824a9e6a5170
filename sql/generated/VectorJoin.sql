SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorJoin: For each row of one set its k nearest rows of another, exactly.
-- One input holds both sets: side tells which a row belongs to. Where all rows have side 2, the result is the graph of
-- the k nearest neighbours. A row is no neighbour of itself, but other rows with the same vector are. By row of the
-- first set in input order, nearest first; equal distances are ordered by the smaller id, then by input order. Searches
-- over codes of 8 bits (vector_quantize), with the result of a search without them.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   side an integer type: 0: the row looks for neighbours, 1: it can be found, 2: both; NULL: it is left out.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @k (an integer from 1 to 2147483647) Rows wanted for each query.
--   @metric (one of cosine, euclidean, dot, manhattan) cosine = 1 - similarity, euclidean = unsquared, dot = negated
--           dot product, manhattan = sum of absolute differences.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @accumulate (one of f32, f64) Precision of the sum's 32 lanes. f64 elements are always accumulated in f64.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   rank int [number from 1]: 1 is the nearest.
--   neighbor bigint: Id of the neighbour.
--   distance float [that of the metric]: As vector_distance.
--
-- NULL: A row whose vector or side is NULL belongs to neither set. NULL ids come after all others.
-- Empty: If one of the sets is empty, there are no result rows.
-- NaN and infinity: A row whose distance is NaN comes after all others.
-- Accuracy: The distances have the bits of vector_distance. The same result for any number of threads, on every
--           machine.
-- Chunks: Needs all rows of both sets in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorJoin]
--       @source = N'SELECT [id], [v], [side] FROM (VALUES (CAST(1 AS bigint), CAST(''[1,0]'' AS varchar(max)), CAST(0 AS int)), (CAST(7 AS bigint), CAST(''[1,1]'' AS varchar(max)), CAST(1 AS int)), (CAST(8 AS bigint), CAST(''[4,4]'' AS varchar(max)), CAST(2 AS int))) AS [example] ([id], [v], [side])',
--       @k = 1,
--       @metric = N'euclidean';
--   gives 1 | 1 | 7 | 1
--   gives 8 | 1 | 7 | 4.242640687119285
CREATE OR ALTER PROCEDURE [hart].[VectorJoin]
(
    @source nvarchar(max),
    @k int = 10,
    @metric varchar(64) = 'cosine',
    @element varchar(64) = 'f32',
    @accumulate varchar(64) = 'f32',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,v,side', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_join',
                @input_data_1 = @input,
                @params = N'@k int, @metric varchar(64), @element varchar(64), @accumulate varchar(64), @rows_json varchar(max) OUTPUT',
                @k = @k,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_join',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@k int, @metric varchar(64), @element varchar(64), @accumulate varchar(64)',
                @k = @k,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([id] bigint, [rank] int, [neighbor] bigint, [distance] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_join',
                @input_data_1 = @input,
                @params = N'@k int, @metric varchar(64), @element varchar(64), @accumulate varchar(64)',
                @k = @k,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([id] bigint, [rank] int, [neighbor] bigint, [distance] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
