SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorKmeans: k-means: centroids of clusters, by k-means++ and Lloyd's algorithm.
-- A result row for each cluster. Rows go to the nearest centroid by Euclidean distance, of equal ones to the first, and
-- centroids to the average of their rows, until no row moves. A centroid that loses all rows moves to the row farthest
-- from its own. vector_assign with these centroids gives the rows' clusters, the same that the search ended with.
-- Centroids of f16 and bf16 are the averages rounded to them; clusters, inertia and members are those of the averages
-- before, so that vector_assign may take a row about as near to two of them to the other. With spherical = yes
-- distances are those of the vectors scaled to length 1: their squares are twice the cosine distance.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @clusters (an integer from 1 to 1000000) Number of clusters.
--   @seed (an integer >= 0) Seed of SplitMix64, from which the start is drawn.
--   @iterations (an integer from 1 to 1000000) Steps at most.
--   @spherical (one of no, yes) yes: vectors and centroids are scaled to length 1, so that directions count.
--   @start_centroids (a vector: binary (packed elements) or text (JSON array, or 0x... for packed)) Centroids to begin
--                    with, one after the other in one packed value or JSON array; none: k-means++. JSON or VECTOR in
--                    @start_centroids, packed elements in @start_centroids_packed.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @result_vectors (packed or json) How result vectors are written; JSON can be stored in a VECTOR column.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   cluster int [number from 1]: The cluster.
--   centroid varbinary(max) or varchar(max) [the vectors' unit]: The average of its rows, of the input's element type;
--            f32 for i8.
--   members bigint [rows]: Rows nearest to it.
--   inertia float [the vectors' unit squared]: Sum of their squared distances from it.
--   iterations int: Steps made.
--   settled int [0 or 1]: 1 where the last step moved no row; 0 where `iterations` ended the search.
--
-- NULL: A row whose vector is NULL is left out. A NULL id comes last.
-- Empty: Fewer vectors than clusters are an error, and fewer different ones too.
-- NaN and infinity: A vector that is not finite is an error that names its row.
-- Accuracy: Distances have the bits of vector_distance, centroids those of vector_average in the vectors' width (f32 or
--           f64), rounded once more for f16 and bf16; inertia is the exact sum of the distances' squares, rounded once.
--           Hamerly's bounds and codes of 8 bits a component spare distances, with all rounding errors allowed for: the
--           result is that without them. The start is drawn by rising id: same bits for any order of rows with distinct
--           integer ids, number of threads and instruction set. O(rows * dimensions * clusters) for the start and each
--           step.
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorKmeans]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[0,0]'' AS varchar(max))), (CAST(2 AS bigint), CAST(''[9,9]'' AS varchar(max))), (CAST(3 AS bigint), CAST(''[0,2]'' AS varchar(max))), (CAST(4 AS bigint), CAST(''[9,7]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @clusters = 2,
--       @start_centroids = '[0,0,1,9]',
--       @result_vectors = 'json';
--   gives 1 | [0,1] | 2 | 2 | 2 | 1
--   gives 2 | [9,8] | 2 | 2 | 2 | 1
CREATE OR ALTER PROCEDURE [hart].[VectorKmeans]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @clusters int,
    @seed bigint = 42,
    @iterations int = 300,
    @spherical varchar(64) = 'no',
    @start_centroids varchar(max) = '[]',
    @start_centroids_packed varbinary(max) = NULL,
    @element varchar(64) = 'f32',
    @result_vectors varchar(64) = 'packed',
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
    IF @start_centroids_packed IS NOT NULL AND @start_centroids <> '[]'
        THROW 59905, N'@start_centroids and @start_centroids_packed are both given; expected one of them', 1;
    IF @start_centroids_packed IS NOT NULL
        SET @start_centroids = CONVERT(varchar(max), @start_centroids_packed, 1);
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_kmeans',
                @input_data_1 = @input,
                @params = N'@clusters int, @seed bigint, @iterations int, @spherical varchar(64), @start_centroids varchar(max), @element varchar(64), @result_vectors varchar(64), @rows_json varchar(max) OUTPUT',
                @clusters = @clusters,
                @seed = @seed,
                @iterations = @iterations,
                @spherical = @spherical,
                @start_centroids = @start_centroids,
                @element = @element,
                @result_vectors = @result_vectors,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1 AND LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_kmeans',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@clusters int, @seed bigint, @iterations int, @spherical varchar(64), @start_centroids varchar(max), @element varchar(64), @result_vectors varchar(64)',
                @clusters = @clusters,
                @seed = @seed,
                @iterations = @iterations,
                @spherical = @spherical,
                @start_centroids = @start_centroids,
                @element = @element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([cluster] int, [centroid] varchar(max), [members] bigint, [inertia] float, [iterations] int, [settled] int, [part] bigint));
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_kmeans',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@clusters int, @seed bigint, @iterations int, @spherical varchar(64), @start_centroids varchar(max), @element varchar(64), @result_vectors varchar(64)',
                @clusters = @clusters,
                @seed = @seed,
                @iterations = @iterations,
                @spherical = @spherical,
                @start_centroids = @start_centroids,
                @element = @element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([cluster] int, [centroid] varbinary(max), [members] bigint, [inertia] float, [iterations] int, [settled] int, [part] bigint));
        ELSE IF LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_kmeans',
                @input_data_1 = @input,
                @params = N'@clusters int, @seed bigint, @iterations int, @spherical varchar(64), @start_centroids varchar(max), @element varchar(64), @result_vectors varchar(64)',
                @clusters = @clusters,
                @seed = @seed,
                @iterations = @iterations,
                @spherical = @spherical,
                @start_centroids = @start_centroids,
                @element = @element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([cluster] int, [centroid] varchar(max), [members] bigint, [inertia] float, [iterations] int, [settled] int));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_kmeans',
                @input_data_1 = @input,
                @params = N'@clusters int, @seed bigint, @iterations int, @spherical varchar(64), @start_centroids varchar(max), @element varchar(64), @result_vectors varchar(64)',
                @clusters = @clusters,
                @seed = @seed,
                @iterations = @iterations,
                @spherical = @spherical,
                @start_centroids = @start_centroids,
                @element = @element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([cluster] int, [centroid] varbinary(max), [members] bigint, [inertia] float, [iterations] int, [settled] int));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
