SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SeriesDtw: Dynamic time warping: how well the two series of each group align.
-- The least sum of distances over paths that pair the vectors of both series in order, each with at least one, begin
-- with both first and end with both last.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   group_key an integer type: The row's group. Rows of a group need not follow each other; NULL is a group. Any other
--             type becomes such a number by DENSE_RANK() OVER (ORDER BY ...).
--   side an integer type [1 or 2]: Which of the group's two series the row belongs to.
--   position an integer type [any]: The row's place in its series, by rising number: a time, or ROW_NUMBER() OVER
--            (ORDER BY ...).
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @band (an integer from -1 to 2147483647) Half the width of the Sakoe-Chiba band: only pairs of rows i and j with |i
--         - j| <= band count; -1: all.
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
--   group_key bigint: The row's group. Rows of a group need not follow each other; NULL is a group. Any other type
--             becomes such a number by DENSE_RANK() OVER (ORDER BY ...).
--   distance float [that of the metric]: The least sum.
--   pairs int: Pairs on that path; of paths with the same sum the shortest.
--   first_length int [vectors]: Vectors of series 1.
--   second_length int [vectors]: Vectors of series 2.
--
-- NULL: A NULL vector is no element of its series. A NULL side or position is an error; a NULL key is a group of its
--       own.
-- Empty: No rows give no rows. A group with one series only has NULL as its distance. An empty vector is an error.
-- NaN and infinity: A vector that is not finite is an error.
-- Accuracy: Distances have the bits of vector_distance, and are added in double precision along the path. Same bits for
--           any order of the rows, number of threads and instruction set. O(length_1 * length_2 * dimensions).
-- Chunks: Needs all rows of a group in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SeriesDtw]
--       @source = N'SELECT [group_key], [side], [position], [v] FROM (VALUES (CAST(7 AS bigint), CAST(1 AS int), CAST(10 AS bigint), CAST(''[0]'' AS varchar(max))), (CAST(7 AS bigint), CAST(1 AS int), CAST(30 AS bigint), CAST(''[2]'' AS varchar(max))), (CAST(7 AS bigint), CAST(1 AS int), CAST(20 AS bigint), CAST(''[1]'' AS varchar(max))), (CAST(7 AS bigint), CAST(2 AS int), CAST(1 AS bigint), CAST(''[0]'' AS varchar(max))), (CAST(7 AS bigint), CAST(2 AS int), CAST(2 AS bigint), CAST(''[0]'' AS varchar(max))), (CAST(7 AS bigint), CAST(2 AS int), CAST(3 AS bigint), CAST(''[1]'' AS varchar(max))), (CAST(7 AS bigint), CAST(2 AS int), CAST(4 AS bigint), CAST(''[3]'' AS varchar(max)))) AS [example] ([group_key], [side], [position], [v])';
--   gives 7 | 1 | 4 | 3 | 4
CREATE OR ALTER PROCEDURE [hart].[SeriesDtw]
(
    @source nvarchar(max),
    @band int = -1,
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
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'group_key,side,position,v', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'series_dtw',
                @input_data_1 = @input,
                @params = N'@band int, @metric varchar(64), @element varchar(64), @accumulate varchar(64), @rows_json varchar(max) OUTPUT',
                @band = @band,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'series_dtw',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@band int, @metric varchar(64), @element varchar(64), @accumulate varchar(64)',
                @band = @band,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([group_key] bigint, [distance] float, [pairs] int, [first_length] int, [second_length] int, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'series_dtw',
                @input_data_1 = @input,
                @params = N'@band int, @metric varchar(64), @element varchar(64), @accumulate varchar(64)',
                @band = @band,
                @metric = @metric,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([group_key] bigint, [distance] float, [pairs] int, [first_length] int, [second_length] int));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
