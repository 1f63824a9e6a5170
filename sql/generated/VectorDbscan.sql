SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorDbscan: Density-based clusters and noise: DBSCAN, in any metric.
-- A row with `minimum` rows within `radius`, itself included, is a core point. Core points within the radius of each
-- other are in one cluster; another row within the radius of a core point belongs to its cluster, of several to the one
-- with the lowest number; the rest is noise, cluster 0. Clusters are numbered from 1 by their core points' least ids.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @radius (a finite number >= -1e308) Greatest distance of neighbours (epsilon), in the metric; negative only for
--           dot.
--   @minimum (an integer from 1 to 2147483647) Least number of rows within the radius, itself included, that makes a
--            row a core point.
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
--   cluster int [number from 1]: The cluster; 0 for noise.
--   core int [0 or 1]: 1 for a core point.
--   neighbors int [rows]: Rows within the radius, itself included.
--
-- NULL: A NULL vector gives NULL and is nobody's neighbour. A NULL id comes last.
-- Empty: No rows give no rows. An empty vector is an error.
-- NaN and infinity: A vector that is not finite is an error that names its row.
-- Accuracy: Distances have the bits of vector_distance, all else is exact: the same for any order of rows with distinct
--           integer ids, number of threads and instruction set. O(rows^2 * dimensions).
-- Chunks: Needs all rows in one call.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorDbscan]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[0]'' AS varchar(max))), (CAST(2 AS bigint), CAST(''[1]'' AS varchar(max))), (CAST(3 AS bigint), CAST(''[50]'' AS varchar(max))), (CAST(4 AS bigint), CAST(''[2]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @radius = 1e0,
--       @minimum = 3;
--   gives 1 | 1 | 0 | 2
--   gives 2 | 1 | 1 | 3
--   gives 3 | 0 | 0 | 1
--   gives 4 | 1 | 0 | 2
CREATE OR ALTER PROCEDURE [hart].[VectorDbscan]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @radius float,
    @minimum int = 5,
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
                @script = N'vector_dbscan',
                @input_data_1 = @input,
                @params = N'@radius float, @minimum int, @metric varchar(64), @element varchar(64), @accumulate varchar(64), @rows_json varchar(max) OUTPUT',
                @radius = @radius,
                @minimum = @minimum,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_dbscan',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@radius float, @minimum int, @metric varchar(64), @element varchar(64), @accumulate varchar(64)',
                @radius = @radius,
                @minimum = @minimum,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([id] bigint, [cluster] int, [core] int, [neighbors] int, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_dbscan',
                @input_data_1 = @input,
                @params = N'@radius float, @minimum int, @metric varchar(64), @element varchar(64), @accumulate varchar(64)',
                @radius = @radius,
                @minimum = @minimum,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([id] bigint, [cluster] int, [core] int, [neighbors] int));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
