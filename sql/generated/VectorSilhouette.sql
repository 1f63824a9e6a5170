SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorSilhouette: Silhouettes: how much nearer a row is to its own cluster than to the next one.
-- With a the mean distance of the other rows of its cluster, and b that of the rows of the nearest other cluster, (b -
-- a) / max(a, b): from -1, in the wrong cluster, to 1. A row that is alone in its cluster has 0. Noise is left out: it
-- has NULL, and counts for nobody. The mean over all rows measures a whole clustering.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   cluster an integer type: The row's cluster; NULL, or no more than `noise`, for none.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @metric (one of cosine, euclidean, manhattan) cosine = 1 - similarity, euclidean = unsquared, manhattan = sum of
--           absolute differences.
--   @noise (an integer from -2147483648 to 2147483647) Rows with this label, or a smaller one, belong to no cluster: 0
--          for the clusters of the kernels here, which count from 1; -1 for those that count from 0.
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
--   silhouette float: The silhouette, from -1 to 1.
--   own float [that of the metric]: Mean distance of the other rows of its cluster; 0 where there are none.
--   other float [that of the metric]: Mean distance of the rows of the nearest other cluster.
--   neighbor int: That cluster, of equally near ones the one with the least number.
--   mean float: The mean silhouette of all rows that have one, in each row.
--
-- NULL: A NULL vector or a NULL cluster gives NULL and counts for nobody. A NULL id comes last.
-- Empty: No rows give no rows. A single cluster and an empty vector are an error.
-- NaN and infinity: A vector that is not finite is an error that names its row. Where distances or their sums leave the
--                   range of doubles, the means are infinite; where one is, the silhouette is NaN, and the mean of all
--                   rows too.
-- Accuracy: Distances have the bits of vector_distance, and are added in double precision by rising id: same bits for
--           any order of rows with distinct integer ids, number of threads and instruction set. O(rows^2 * dimensions).
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorSilhouette]
--       @source = N'SELECT [id], [v], [cluster] FROM (VALUES (CAST(1 AS bigint), CAST(''[0]'' AS varchar(max)), CAST(1 AS int)), (CAST(2 AS bigint), CAST(''[2]'' AS varchar(max)), CAST(1 AS int)), (CAST(3 AS bigint), CAST(''[10]'' AS varchar(max)), CAST(2 AS int)), (CAST(4 AS bigint), CAST(''[55]'' AS varchar(max)), CAST(0 AS int))) AS [example] ([id], [v], [cluster])';
--   gives 1 | 0.8 | 2 | 10 | 2 | 0.5166666666666667
--   gives 2 | 0.75 | 2 | 8 | 2 | 0.5166666666666667
--   gives 3 | 0 | 0 | 9 | 1 | 0.5166666666666667
--   gives 4 | NULL | NULL | NULL | NULL | NULL
CREATE OR ALTER PROCEDURE [hart].[VectorSilhouette]
(
    @source nvarchar(max),
    @metric varchar(64) = 'euclidean',
    @noise int = 0,
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
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,v,cluster', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_silhouette',
                @input_data_1 = @input,
                @params = N'@metric varchar(64), @noise int, @element varchar(64), @accumulate varchar(64), @rows_json varchar(max) OUTPUT',
                @metric = @metric,
                @noise = @noise,
                @element = @element,
                @accumulate = @accumulate,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_silhouette',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@metric varchar(64), @noise int, @element varchar(64), @accumulate varchar(64)',
                @metric = @metric,
                @noise = @noise,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([id] bigint, [silhouette] float, [own] float, [other] float, [neighbor] int, [mean] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_silhouette',
                @input_data_1 = @input,
                @params = N'@metric varchar(64), @noise int, @element varchar(64), @accumulate varchar(64)',
                @metric = @metric,
                @noise = @noise,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([id] bigint, [silhouette] float, [own] float, [other] float, [neighbor] int, [mean] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
