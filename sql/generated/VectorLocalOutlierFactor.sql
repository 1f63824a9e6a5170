SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorLocalOutlierFactor: Local outlier factors: how much less dense a row's place is than those of its nearest
--                                neighbours.
-- With d the distance and d_k(o) that of o's k-th nearest, the reachability of p from o is max(d_k(o), d(p, o)), the
-- density of p one over the mean of it over p's k nearest, and the factor the mean of their densities over p's: about 1
-- within a cluster. A neighbourhood has exactly k rows, of those at the same distance those with the smaller ids. The
-- distances of the nearest neighbours are outlier scores too.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @neighbors (an integer from 1 to 1000000) Neighbours of a row (k).
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
--   factor float: The local outlier factor; infinite beside rows with k others at the same place.
--   distance float [that of the metric]: Distance of the k-th nearest other row.
--   mean_distance float [that of the metric]: Mean distance of the k nearest other rows.
--
-- NULL: A NULL vector gives NULL and is nobody's neighbour. A NULL id comes last.
-- Empty: No rows give no rows. Other numbers of vectors up to that of the neighbours are an error; so is an empty
--        vector.
-- NaN and infinity: A vector that is not finite is an error that names its row.
-- Accuracy: Distances have the bits of vector_distance; sums over neighbours are in double precision, in their order.
--           Same bits for any order of rows with distinct integer ids, number of threads and instruction set. O(rows^2
--           * dimensions).
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorLocalOutlierFactor]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[0]'' AS varchar(max))), (CAST(2 AS bigint), CAST(''[1]'' AS varchar(max))), (CAST(3 AS bigint), CAST(''[2]'' AS varchar(max))), (CAST(4 AS bigint), CAST(''[10]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @neighbors = 1;
--   gives 1 | 1 | 1 | 1
--   gives 2 | 1 | 1 | 1
--   gives 3 | 1 | 1 | 1
--   gives 4 | 8 | 8 | 8
CREATE OR ALTER PROCEDURE [hart].[VectorLocalOutlierFactor]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @neighbors int = 20,
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
                @script = N'vector_local_outlier_factor',
                @input_data_1 = @input,
                @params = N'@neighbors int, @metric varchar(64), @element varchar(64), @accumulate varchar(64), @rows_json varchar(max) OUTPUT',
                @neighbors = @neighbors,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_local_outlier_factor',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@neighbors int, @metric varchar(64), @element varchar(64), @accumulate varchar(64)',
                @neighbors = @neighbors,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([id] bigint, [factor] float, [distance] float, [mean_distance] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_local_outlier_factor',
                @input_data_1 = @input,
                @params = N'@neighbors int, @metric varchar(64), @element varchar(64), @accumulate varchar(64)',
                @neighbors = @neighbors,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([id] bigint, [factor] float, [distance] float, [mean_distance] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
