SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorCandidates: The rows that may be among the k nearest to a query, from their codes alone, with certain
--                        bounds of their distances.
-- The k nearest rows of vector_top_k are among the candidates: a row is left out only if its lower bound is greater
-- than the upper bounds of k others. The bounds are those of the distance that vector_top_k computes, rounding
-- included. Then vector_top_k of the candidates' vectors finds the rows, distances and order of vector_top_k of all
-- vectors. Sorted by query, lower bound and input order. Queries have the element type that the codes were made from.
-- Codes bound no Manhattan distance: there every row is a candidate.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   code varbinary: Code of the vector: 40 bytes, and one for each component.
--   left_out (may be missing) bit, float, real, numeric or an integer type: Leaves the row out where it is true, or a
--            number other than 0; NULL keeps the row, NaN leaves it out.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @query (a vector: binary (packed elements) or text (JSON array, or 0x... for packed)) The query vector; with
--          query_count > 1 all of them, one after the other in one packed value or JSON array. JSON or VECTOR in
--          @query, packed elements in @query_packed.
--   @query_count (an integer from 1 to 1000000) Number of queries in `query`.
--   @k (an integer from 1 to 2147483647) Rows wanted for each query.
--   @metric (one of cosine, euclidean, dot, manhattan) cosine = 1 - similarity, euclidean = unsquared, dot = negated
--           dot product, manhattan = sum of absolute differences.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   query int [number from 1]: Which query.
--   id bigint: The caller's key; returned unchanged.
--   lower float [that of the metric]: The distance is not less. Infinite where nothing is proven.
--   upper float [that of the metric]: The distance is not greater. Infinite where nothing is proven.
--
-- NULL: A row whose code is NULL is no candidate.
-- Empty: No rows give no result rows.
-- NaN and infinity: A row whose vector has NaN or an infinity is always a candidate, with the bounds -infinity and
--                   infinity. So are all rows where the query has.
-- Accuracy: Certain: the computed distance lies within the bounds. Same bounds on every machine.
-- Chunks: Each chunk gives the candidates for its own k nearest. All of them together hold the k nearest of all rows;
--         those with lower > the k-th smallest upper of all can be left out.
-- In T-SQL: A WHERE in @source leaves rows out just as well. FLOAT holds neither NaN nor infinity: such a result
--           arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorCandidates]
--       @source = N'SELECT [id], [code] FROM (VALUES (CAST(7 AS bigint), CAST(0x4843010004000000D9C3003C49537B3B76A4923F9C1765330153000000000000BC6AC9257C77D29FFF40A080 AS varbinary(max))), (CAST(8 AS bigint), CAST(NULL AS varbinary(max)))) AS [example] ([id], [code])',
--       @query = '[1,0,0,0]',
--       @k = 1,
--       @metric = N'dot';
--   gives 1 | 7 | -1.0000001632992828 | -0.9962350341247296
CREATE OR ALTER PROCEDURE [hart].[VectorCandidates]
(
    @source nvarchar(max),
    @query varchar(max) = NULL,
    @query_packed varbinary(max) = NULL,
    @query_count int = 1,
    @k int = 10,
    @metric varchar(64) = 'cosine',
    @element varchar(64) = 'f32',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,code', @by_part = @by_part, @input = @input OUTPUT, @optional = N'left_out';
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    IF @query_packed IS NOT NULL AND @query IS NOT NULL
        THROW 59905, N'@query and @query_packed are both given; expected one of them', 1;
    IF @query_packed IS NOT NULL
        SET @query = CONVERT(varchar(max), @query_packed, 1);
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_candidates',
                @input_data_1 = @input,
                @params = N'@query varchar(max), @query_count int, @k int, @metric varchar(64), @element varchar(64), @rows_json varchar(max) OUTPUT',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @element = @element,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_candidates',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@query varchar(max), @query_count int, @k int, @metric varchar(64), @element varchar(64)',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @element = @element
                WITH RESULT SETS (([query] int, [id] bigint, [lower] float, [upper] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_candidates',
                @input_data_1 = @input,
                @params = N'@query varchar(max), @query_count int, @k int, @metric varchar(64), @element varchar(64)',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @element = @element
                WITH RESULT SETS (([query] int, [id] bigint, [lower] float, [upper] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
