SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialMultiResolutionSearch: Search in three stages: coarse cells, points on all axes, exact distances.
-- Stage one keeps the rows whose cell of x, y and z is nearest to that of the query; rows and query lie on one grid, as
-- they did not in the procedure that it replaces. Stage two keeps the nearest of those by the distance on all axes of
-- the basis. Stage three ranks these by the exact distance of the vectors, which the original left out. Neighbours may
-- be lost in both first stages: spatial_recall with order = cells measures how many, and spatial_hybrid_search with
-- sieve = proven loses none.
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
--   @coarse_candidates (an integer from 1 to 2147483647) Rows that the first stage leaves: the nearest by the cells of
--                      x, y and z.
--   @fine_candidates (an integer from 1 to 2147483647) Rows that the second stage leaves: the nearest of those on all
--                    axes of the basis.
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
--   query int [number from 1]: Which query.
--   rank int [number from 1]: 1 is the nearest.
--   id bigint: The caller's key; returned unchanged.
--   distance float [that of the metric]: As vector_distance.
--   coarse_distance float [that of the coordinates]: Distance of the centres of the cells.
--   fine_distance float [that of the coordinates]: Distance of the points on all axes.
--   coarse_rows int [rows]: Rows that stage one left for this query.
--   fine_rows int [rows]: Rows that stage two left, whose exact distances were computed.
--
-- NULL: A row whose vector is NULL is no candidate. A NULL id is kept and loses every tie.
-- Empty: No rows give no result rows.
-- NaN and infinity: As vector_top_k: a row whose distance is NaN comes after all others. Vectors that are not finite
--                   have no place in space; the proven sieve always looks at them, the others look at them last.
-- Accuracy: Distances have the bits of vector_distance. Of coarse_distance and fine_distance the relative error is at
--           most (axes + 4)*2^-53 as distances of the computed cells and coordinates. Same bits on every instruction
--           set and for any number of threads.
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialMultiResolutionSearch]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(7 AS bigint), CAST(''[0,0,4]'' AS varchar(max))), (CAST(8 AS bigint), CAST(''[3,4,0]'' AS varchar(max))), (CAST(9 AS bigint), CAST(''[6,8,0]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @query = '[3,4,1]',
--       @k = 1,
--       @metric = N'euclidean',
--       @basis = 0x484241530100010003000000020000000000000000000000000000000000F03F0000803F0000000000000000000000000000803F000000006C0FE03D,
--       @coarse_candidates = 2,
--       @fine_candidates = 1,
--       @cell = 2e0;
--   gives 1 | 1 | 8 | 1 | 0 | 0 | 2 | 1
CREATE OR ALTER PROCEDURE [hart].[SpatialMultiResolutionSearch]
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
    @coarse_candidates int = 1000,
    @fine_candidates int = 100,
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
                @script = N'spatial_multi_resolution_search',
                @input_data_1 = @input,
                @params = N'@query varchar(max), @query_count int, @k int, @metric varchar(64), @basis varbinary(max), @pad varchar(64), @coarse_candidates int, @fine_candidates int, @cell float, @element varchar(64), @accumulate varchar(64), @rows_json varchar(max) OUTPUT',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @basis = @basis,
                @pad = @pad,
                @coarse_candidates = @coarse_candidates,
                @fine_candidates = @fine_candidates,
                @cell = @cell,
                @element = @element,
                @accumulate = @accumulate,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_multi_resolution_search',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@query varchar(max), @query_count int, @k int, @metric varchar(64), @basis varbinary(max), @pad varchar(64), @coarse_candidates int, @fine_candidates int, @cell float, @element varchar(64), @accumulate varchar(64)',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @basis = @basis,
                @pad = @pad,
                @coarse_candidates = @coarse_candidates,
                @fine_candidates = @fine_candidates,
                @cell = @cell,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([query] int, [rank] int, [id] bigint, [distance] float, [coarse_distance] float, [fine_distance] float, [coarse_rows] int, [fine_rows] int, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_multi_resolution_search',
                @input_data_1 = @input,
                @params = N'@query varchar(max), @query_count int, @k int, @metric varchar(64), @basis varbinary(max), @pad varchar(64), @coarse_candidates int, @fine_candidates int, @cell float, @element varchar(64), @accumulate varchar(64)',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @basis = @basis,
                @pad = @pad,
                @coarse_candidates = @coarse_candidates,
                @fine_candidates = @fine_candidates,
                @cell = @cell,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([query] int, [rank] int, [id] bigint, [distance] float, [coarse_distance] float, [fine_distance] float, [coarse_rows] int, [fine_rows] int));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
