SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SeriesDrift: Averages of the vectors of each period, and how far they have moved.
-- group_key is the period, such as a day's or a month's number. The distances are those from the average of the last
-- period before that has vectors, and from that of the first; they are computed before averages are rounded to f16 or
-- bf16.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorGroups), with these columns and no
--        others. They are bound by name, or, where not all of these names are there, by position:
--   group_key an integer type: The row's group. Rows of a group need not follow each other; NULL is a group. Any other
--             type becomes such a number by DENSE_RANK() OVER (ORDER BY ...).
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @metric (one of cosine, euclidean, dot, manhattan) cosine = 1 - similarity, euclidean = unsquared, dot = negated
--           dot product, manhattan = sum of absolute differences.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @not_finite (one of error, leave_out) What happens to a vector with NaN or infinity: error, or leave_out, which
--               counts it in left_out.
--   @result_vectors (packed or json) How result vectors are written; JSON can be stored in a VECTOR column.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   group_key bigint: The row's group. Rows of a group need not follow each other; NULL is a group. Any other type
--             becomes such a number by DENSE_RANK() OVER (ORDER BY ...).
--   average varbinary(max) or varchar(max): The period's average, of the input's element type; f32 for i8.
--   vectors bigint: Vectors that count in the group.
--   left_out bigint: Rows of the group that are left out: NULL ones, and with not_finite = leave_out those with NaN or
--            infinity.
--   from_previous float [that of the metric]: Distance from the average before; NULL for the first.
--   from_first float [that of the metric]: Distance from the first average.
--
-- NULL: A NULL vector is left out and counted. A period without vectors has NULL. A NULL key is a period of its own,
--       the first.
-- Empty: No rows give no rows.
-- NaN and infinity: An error that names the row and the component, or left out with not_finite = leave_out.
-- Accuracy: Averages as vector_average, rounded to the vectors' width (f32 or f64), between which distances have the
--           bits of vector_distance; averages of f16 and bf16 are rounded once more. Same bits for any order of the
--           rows, number of threads and instruction set. O(rows * dimensions).
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SeriesDrift]
--       @source = N'SELECT [group_key], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[1,0]'' AS varchar(max))), (CAST(1 AS bigint), CAST(''[3,0]'' AS varchar(max))), (CAST(2 AS bigint), CAST(''[2,4]'' AS varchar(max))), (CAST(3 AS bigint), CAST(''[5,0]'' AS varchar(max)))) AS [example] ([group_key], [v])',
--       @result_vectors = 'json';
--   gives 1 | [2,0] | 2 | 0 | NULL | 0
--   gives 2 | [2,4] | 1 | 0 | 4 | 4
--   gives 3 | [5,0] | 1 | 0 | 5 | 3
CREATE OR ALTER PROCEDURE [hart].[SeriesDrift]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorGroups] READONLY,
    @metric varchar(64) = 'euclidean',
    @element varchar(64) = 'f32',
    @not_finite varchar(64) = 'error',
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
        SELECT [group_key], [v] INTO [#hart_rows] FROM @source_rows;
        SET @source =
            CASE WHEN EXISTS (SELECT * FROM [#hart_rows] WHERE DATALENGTH([v]) > 8000)
                THEN N'SELECT [group_key], [v] FROM [#hart_rows]'
                ELSE N'SELECT [group_key], CAST([v] AS varbinary(8000)) AS [v] FROM [#hart_rows]'
            END;
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'group_key,v', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'series_drift',
                @input_data_1 = @input,
                @params = N'@metric varchar(64), @element varchar(64), @not_finite varchar(64), @result_vectors varchar(64), @rows_json varchar(max) OUTPUT',
                @metric = @metric,
                @element = @element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1 AND LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'series_drift',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@metric varchar(64), @element varchar(64), @not_finite varchar(64), @result_vectors varchar(64)',
                @metric = @metric,
                @element = @element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [average] varchar(max), [vectors] bigint, [left_out] bigint, [from_previous] float, [from_first] float, [part] bigint));
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'series_drift',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@metric varchar(64), @element varchar(64), @not_finite varchar(64), @result_vectors varchar(64)',
                @metric = @metric,
                @element = @element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [average] varbinary(max), [vectors] bigint, [left_out] bigint, [from_previous] float, [from_first] float, [part] bigint));
        ELSE IF LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'series_drift',
                @input_data_1 = @input,
                @params = N'@metric varchar(64), @element varchar(64), @not_finite varchar(64), @result_vectors varchar(64)',
                @metric = @metric,
                @element = @element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [average] varchar(max), [vectors] bigint, [left_out] bigint, [from_previous] float, [from_first] float));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'series_drift',
                @input_data_1 = @input,
                @params = N'@metric varchar(64), @element varchar(64), @not_finite varchar(64), @result_vectors varchar(64)',
                @metric = @metric,
                @element = @element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [average] varbinary(max), [vectors] bigint, [left_out] bigint, [from_previous] float, [from_first] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
