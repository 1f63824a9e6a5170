SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialRecall: Measures how many true neighbours a spatial sieve keeps.
-- Finds the k true neighbours of each query by exact search and their places in the order in which a sieve picks
-- candidates. Rows with measure recall say which share of them n candidates contain; need_90, need_95, need_99 and
-- need_100 say how many candidates it takes for that share; left says how many rows the proven bound cannot exclude,
-- and proven how many rows the proven sieve of spatial_hybrid_search examines with candidates = k, on average. In the
-- order cells, n candidates are those of spatial_multi_resolution_search with this `cell`, these `coarse_candidates`,
-- or n where that is more, and n as `fine_candidates`.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
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
--   @basis (binary, or its hexadecimal text (0x...)) The basis, as spatial_fit returns it. Empty: clr_v1, the three
--          axes for 1998 dimensions of the replaced assembly.
--   @pad (one of no, yes) yes: vectors shorter than the dimension of the basis are filled up with zeros; no: they are
--        an error.
--   @order (one of all, bound, axes, xyz, xy, cells) What candidates are picked by: the proven bound, distance on all
--          axes, on three, on two, the stages of spatial_multi_resolution_search, or each in turn.
--   @coarse_candidates (an integer from 1 to 2147483647) Rows that the first stage leaves: the nearest by the cells of
--                      x, y and z.
--   @cell (a finite number >= 0) Edge of the coarse cells; 0: a sixteenth of the widest extent of the rows in x, y and
--         z.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @accumulate (one of f32, f64) Precision of the sum's 32 lanes. f64 elements are always accumulated in f64.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   order varchar(8000): As the parameter `order`; each in turn for all.
--   measure varchar(8000): recall, need_90, need_95, need_99, need_100, left or proven.
--   candidates float [rows]: Rows whose exact distance is computed for each query; of left and proven their mean.
--   share float [share of 1]: Of all rows that are not NULL.
--   recall float [share of 1]: Share of the true neighbours of all queries among the candidates.
--   worst float [share of 1]: The same for the query that fares worst.
--
-- NULL: A row whose vector is NULL is no candidate. A NULL id is kept and loses every tie.
-- Empty: No rows have no neighbours to lose: recall is 1.
-- NaN and infinity: As vector_top_k: rows whose distance is NaN come after all others.
-- Accuracy: Counts. Same result on every machine and for any number of threads.
-- Chunks: Needs all rows in one call.
-- In T-SQL: order = xy measures as STDistance does. FLOAT holds neither NaN nor infinity: such a result arrives as
--           NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialRecall]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(7 AS bigint), CAST(''[0,0,4]'' AS varchar(max))), (CAST(8 AS bigint), CAST(''[3,4,0]'' AS varchar(max))), (CAST(9 AS bigint), CAST(''[6,8,0]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @query = '[2,2,4,6,8,-7]',
--       @query_count = 2,
--       @k = 1,
--       @metric = N'euclidean',
--       @basis = 0x484241530100010003000000020000000000000000000000000000000000F03F0000803F0000000000000000000000000000803F000000006C0FE03D,
--       @order = N'xy';
--   gives 'xy' | 'recall' | 1 | 0.3333333333333333 | 0.5 | 0
--   gives 'xy' | 'recall' | 2 | 0.6666666666666666 | 1 | 1
--   gives 'xy' | 'recall' | 3 | 1 | 1 | 1
--   gives 'xy' | 'need_90' | 2 | 0.6666666666666666 | 1 | 1
--   gives 'xy' | 'need_95' | 2 | 0.6666666666666666 | 1 | 1
--   gives 'xy' | 'need_99' | 2 | 0.6666666666666666 | 1 | 1
--   gives 'xy' | 'need_100' | 2 | 0.6666666666666666 | 1 | 1
CREATE OR ALTER PROCEDURE [hart].[SpatialRecall]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @query varchar(max) = NULL,
    @query_packed varbinary(max) = NULL,
    @query_count int = 1,
    @k int = 10,
    @metric varchar(64) = 'cosine',
    @basis varbinary(max) = 0x,
    @pad varchar(64) = 'no',
    @order varchar(64) = 'all',
    @coarse_candidates int = 1000,
    @cell float = 0,
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
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,v', @by_part = @by_part, @input = @input OUTPUT;
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
                @script = N'spatial_recall',
                @input_data_1 = @input,
                @params = N'@query varchar(max), @query_count int, @k int, @metric varchar(64), @basis varbinary(max), @pad varchar(64), @order varchar(64), @coarse_candidates int, @cell float, @element varchar(64), @accumulate varchar(64), @rows_json varchar(max) OUTPUT',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @basis = @basis,
                @pad = @pad,
                @order = @order,
                @coarse_candidates = @coarse_candidates,
                @cell = @cell,
                @element = @element,
                @accumulate = @accumulate,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_recall',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@query varchar(max), @query_count int, @k int, @metric varchar(64), @basis varbinary(max), @pad varchar(64), @order varchar(64), @coarse_candidates int, @cell float, @element varchar(64), @accumulate varchar(64)',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @basis = @basis,
                @pad = @pad,
                @order = @order,
                @coarse_candidates = @coarse_candidates,
                @cell = @cell,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([order] varchar(8000), [measure] varchar(8000), [candidates] float, [share] float, [recall] float, [worst] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_recall',
                @input_data_1 = @input,
                @params = N'@query varchar(max), @query_count int, @k int, @metric varchar(64), @basis varbinary(max), @pad varchar(64), @order varchar(64), @coarse_candidates int, @cell float, @element varchar(64), @accumulate varchar(64)',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @basis = @basis,
                @pad = @pad,
                @order = @order,
                @coarse_candidates = @coarse_candidates,
                @cell = @cell,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([order] varchar(8000), [measure] varchar(8000), [candidates] float, [share] float, [recall] float, [worst] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
