SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorTopK: The k rows nearest to one or many query vectors, exactly.
-- Looks at every row: no index, no approximation. Nearest first; equal distances are ordered by the smaller id, then by
-- input order. Several queries come in one parameter, one after the other.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   left_out (may be missing; only in @source) bit, float, real, numeric or an integer type: Leaves the row out where
--            it is true, or a number other than 0; NULL keeps the row, NaN leaves it out.
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
--   @min_distance (a finite number) Only rows at a greater distance: the last distance of a page gives the next page, 0
--                 leaves out the query itself.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @accumulate (one of f32, f64) Precision of the sum's 32 lanes. f64 elements are always accumulated in f64.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   query int [number from 1]: Which query.
--   rank int [number from 1]: 1 is the nearest.
--   id bigint: The caller's key; returned unchanged.
--   distance float [that of the metric]: As vector_distance.
--
-- NULL: A row whose vector is NULL is no candidate. A NULL id is kept and loses every tie.
-- Empty: No rows give no result rows.
-- NaN and infinity: A row whose distance is NaN comes after all others; it is never dropped. Finite f32 vectors always
--                   have finite distances, and f64 ones where the distance is no greater than the greatest double;
--                   infinite distances rank by their value.
-- Accuracy: The distances have the bits of vector_distance, so the order is the same on every machine, for any number
--           of threads and queries.
-- Chunks: Each chunk gives its own best k; the caller merges them, by distance and then id.
-- In T-SQL: A WHERE in @source leaves rows out just as well. To merge the best of several parts: SELECT TOP (k) ...
--           ORDER BY CASE WHEN distance IS NULL THEN 1 ELSE 0 END, distance, id. NULL stands for NaN and for infinity,
--           so both come last. FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorTopK]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(7 AS bigint), CAST(''[0,0]'' AS varchar(max))), (CAST(8 AS bigint), CAST(''[3,4]'' AS varchar(max))), (CAST(9 AS bigint), CAST(''[6,8]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @query = '[3,4]',
--       @k = 2,
--       @metric = N'euclidean';
--   gives 1 | 1 | 8 | 0
--   gives 1 | 2 | 7 | 5
CREATE OR ALTER PROCEDURE [hart].[VectorTopK]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @query varchar(max) = NULL,
    @query_packed varbinary(max) = NULL,
    @query_count int = 1,
    @k int = 10,
    @metric varchar(64) = 'cosine',
    @min_distance float = -1.7976931348623157e308,
    @element varchar(64) = 'f32',
    @accumulate varchar(64) = 'f32',
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
        SELECT [id], [v] INTO [#hart_rows] FROM @source_rows;
        SET @source =
            CASE WHEN EXISTS (SELECT * FROM [#hart_rows] WHERE DATALENGTH([v]) > 8000)
                THEN N'SELECT [id], [v] FROM [#hart_rows]'
                ELSE N'SELECT [id], CAST([v] AS varbinary(8000)) AS [v] FROM [#hart_rows]'
            END;
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,v', @by_part = @by_part, @input = @input OUTPUT, @optional = N'left_out';
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
                @script = N'vector_top_k',
                @input_data_1 = @input,
                @params = N'@query varchar(max), @query_count int, @k int, @metric varchar(64), @min_distance float, @element varchar(64), @accumulate varchar(64), @rows_json varchar(max) OUTPUT',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @min_distance = @min_distance,
                @element = @element,
                @accumulate = @accumulate,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_top_k',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@query varchar(max), @query_count int, @k int, @metric varchar(64), @min_distance float, @element varchar(64), @accumulate varchar(64)',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @min_distance = @min_distance,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([query] int, [rank] int, [id] bigint, [distance] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_top_k',
                @input_data_1 = @input,
                @params = N'@query varchar(max), @query_count int, @k int, @metric varchar(64), @min_distance float, @element varchar(64), @accumulate varchar(64)',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @min_distance = @min_distance,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([query] int, [rank] int, [id] bigint, [distance] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
