SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorAssign: The nearest of given centroids for each row.
-- Of centroids at the same distance the first. With those of vector_kmeans the rows get the clusters that the search
-- ended with.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @centroids (a vector: binary (packed elements) or text (JSON array, or 0x... for packed)) The centroids, one after
--              the other in one packed value or JSON array. JSON or VECTOR in @centroids, packed elements in
--              @centroids_packed.
--   @centroid_count (an integer from 1 to 1000000) Number of centroids in `centroids`.
--   @metric (one of cosine, euclidean, dot, manhattan) cosine = 1 - similarity, euclidean = unsquared, dot = negated
--           dot product, manhattan = sum of absolute differences.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @accumulate (one of f32, f64) Precision of the sum's 32 lanes. f64 elements are always accumulated in f64.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   cluster int [number from 1]: Position of the nearest centroid.
--   distance float [that of the metric]: Its distance, as vector_distance.
--   second float [that of the metric]: The distance of the next centroid; NULL where there is only one.
--
-- NULL: A NULL vector gives NULL.
-- Empty: No rows give no rows. Empty centroids are an error.
-- NaN and infinity: A distance that is NaN comes after all others; where all are NaN, the first centroid has it.
-- Accuracy: Distances have the bits of vector_distance, on every machine and for any number of threads. O(rows *
--           dimensions * centroids).
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: From the rows of vector_kmeans with JSON centroids @centroids is '[' + STRING_AGG(SUBSTRING(centroid, 2,
--           LEN(centroid) - 2), ',') WITHIN GROUP (ORDER BY cluster) + ']'. FLOAT holds neither NaN nor infinity: such
--           a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorAssign]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[0,1]'' AS varchar(max))), (CAST(2 AS bigint), CAST(NULL AS varchar(max))), (CAST(3 AS bigint), CAST(''[9,7]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @centroids = '[9,8,0,8]',
--       @centroid_count = 2;
--   gives 1 | 2 | 7 | 11.40175425099138
--   gives 2 | NULL | NULL | NULL
--   gives 3 | 1 | 1 | 9.055385138137417
CREATE OR ALTER PROCEDURE [hart].[VectorAssign]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @centroids varchar(max) = NULL,
    @centroids_packed varbinary(max) = NULL,
    @centroid_count int = 1,
    @metric varchar(64) = 'euclidean',
    @element varchar(64) = 'f32',
    @accumulate varchar(64) = 'f32',
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
    IF @centroids_packed IS NOT NULL AND @centroids IS NOT NULL
        THROW 59905, N'@centroids and @centroids_packed are both given; expected one of them', 1;
    IF @centroids_packed IS NOT NULL
        SET @centroids = CONVERT(varchar(max), @centroids_packed, 1);
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_assign',
                @input_data_1 = @input,
                @params = N'@centroids varchar(max), @centroid_count int, @metric varchar(64), @element varchar(64), @accumulate varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @centroids = @centroids,
                @centroid_count = @centroid_count,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_assign',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@centroids varchar(max), @centroid_count int, @metric varchar(64), @element varchar(64), @accumulate varchar(64)',
                @centroids = @centroids,
                @centroid_count = @centroid_count,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([id] bigint, [cluster] int, [distance] float, [second] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_assign',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@centroids varchar(max), @centroid_count int, @metric varchar(64), @element varchar(64), @accumulate varchar(64), @r_rowsPerRead int',
                @centroids = @centroids,
                @centroid_count = @centroid_count,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [cluster] int, [distance] float, [second] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
