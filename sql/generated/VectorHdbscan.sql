SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorHdbscan: Density-based clusters and noise at any density: HDBSCAN.
-- A row's core distance is that of its `samples`-th nearest row, itself included; two rows are as far apart as the
-- greatest of their distance and both core distances. As lambda, one over that distance, rises, the rows fall apart: a
-- part with fewer than `minimum` rows leaves its cluster; if both parts have at least that many, they are new clusters.
-- Of nested clusters those are taken whose excess of mass, the sum over rows of lambda at which they leave less lambda
-- at which the cluster began, is greatest together; the cluster of all rows never is. The rest is noise, cluster 0.
-- Clusters are numbered from 1 by their rows' least ids.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @minimum (an integer from 2 to 2147483647) Least number of rows of a cluster.
--   @samples (an integer from 0 to 1000000) Rows, itself included, within a row's core distance: the more, the smoother
--            the density; 0: as many as `minimum`.
--   @metric (one of cosine, euclidean, manhattan) cosine = 1 - similarity, euclidean = unsquared, manhattan = sum of
--           absolute differences.
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
--   cluster int [number from 1]: The cluster; 0 for noise.
--   probability float: How firmly the row belongs: lambda at which it leaves, over the greatest lambda of its cluster;
--               0 for noise.
--   core_distance float [that of the metric]: Distance of the `samples`-th nearest row, itself included.
--
-- NULL: A NULL vector gives NULL and is nobody's neighbour. A NULL id comes last.
-- Empty: No rows give no rows. Other numbers of vectors below `samples` (with 0: `minimum`) are an error; so is an
--        empty vector.
-- NaN and infinity: A vector that is not finite is an error that names its row.
-- Accuracy: Distances have the bits of vector_distance; sums of lambda are in double precision. Where distances are
--           equal, the rows' ids decide which is the shorter. The same for any order of rows with distinct integer ids,
--           number of threads and instruction set. O(rows^2 * dimensions) at most.
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorHdbscan]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[0]'' AS varchar(max))), (CAST(2 AS bigint), CAST(''[1]'' AS varchar(max))), (CAST(3 AS bigint), CAST(''[200]'' AS varchar(max))), (CAST(4 AS bigint), CAST(''[90]'' AS varchar(max))), (CAST(5 AS bigint), CAST(''[92]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @minimum = 2;
--   gives 1 | 1 | 1 | 1
--   gives 2 | 1 | 1 | 1
--   gives 3 | 0 | 0 | 108
--   gives 4 | 2 | 1 | 2
--   gives 5 | 2 | 1 | 2
CREATE OR ALTER PROCEDURE [hart].[VectorHdbscan]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @minimum int = 5,
    @samples int = 0,
    @metric varchar(64) = 'euclidean',
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
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_hdbscan',
                @input_data_1 = @input,
                @params = N'@minimum int, @samples int, @metric varchar(64), @element varchar(64), @accumulate varchar(64), @rows_json varchar(max) OUTPUT',
                @minimum = @minimum,
                @samples = @samples,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_hdbscan',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@minimum int, @samples int, @metric varchar(64), @element varchar(64), @accumulate varchar(64)',
                @minimum = @minimum,
                @samples = @samples,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([id] bigint, [cluster] int, [probability] float, [core_distance] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_hdbscan',
                @input_data_1 = @input,
                @params = N'@minimum int, @samples int, @metric varchar(64), @element varchar(64), @accumulate varchar(64)',
                @minimum = @minimum,
                @samples = @samples,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([id] bigint, [cluster] int, [probability] float, [core_distance] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
