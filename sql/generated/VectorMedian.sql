SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorMedian: Medians of each group's vectors, by component.
-- Vectors of one group must have the same dimensions; other groups may have others.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorGroups), with these columns and no
--        others. They are bound by name, or, where not all of these names are there, by position:
--   group_key an integer type: The row's group. Rows of a group need not follow each other; NULL is a group. Any other
--             type becomes such a number by DENSE_RANK() OVER (ORDER BY ...).
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @result_element (one of input, f64) Element type of the result vectors: that of the input (f32 for i8), or f64.
--   @not_finite (one of error, leave_out) What happens to a vector with NaN or infinity: error, or leave_out, which
--               counts it in left_out.
--   @result_vectors (packed or json) How result vectors are written; JSON can be stored in a VECTOR column.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   group_key bigint: The group; rows come by ascending key, NULL first.
--   median varbinary(max) or varchar(max): The medians; of an even number of vectors the mean of the two in the middle.
--   vectors bigint: Vectors that count in the group.
--   left_out bigint: Rows of the group that are left out: NULL ones, and with not_finite = leave_out those with NaN or
--            infinity.
--
-- NULL: A NULL vector is left out and counted. A group without vectors has NULL and 0. A NULL key is a group of its
--       own.
-- Empty: No rows give no groups. Empty vectors give an empty vector.
-- NaN and infinity: An error that names the row and the component, or left out with not_finite = leave_out. A result
--                   beyond its element type is infinite; JSON cannot hold it, so it is NULL there.
-- Accuracy: Exact for an odd number of vectors, else rounded once, and once more to the result's element type. Zeros of
--           either sign give +0. Same bits for any order of the rows, chunking, number of threads and instruction set.
--           O(rows * dimensions) on average.
-- Chunks: Needs all rows of a group in one call.
-- In T-SQL: Packed f64 results of narrower packed input need a source column varbinary(max), or @result_vectors =
--           'json'.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorMedian]
--       @source = N'SELECT [group_key], [v] FROM (VALUES (CAST(7 AS bigint), CAST(''[1,9]'' AS varchar(max))), (CAST(7 AS bigint), CAST(''[2,7]'' AS varchar(max))), (CAST(7 AS bigint), CAST(''[100,8]'' AS varchar(max))), (CAST(3 AS bigint), CAST(''[1,2]'' AS varchar(max))), (CAST(3 AS bigint), CAST(''[2,5]'' AS varchar(max)))) AS [example] ([group_key], [v])',
--       @result_vectors = 'json';
--   gives 3 | [1.5,3.5] | 2 | 0
--   gives 7 | [2,8] | 3 | 0
CREATE OR ALTER PROCEDURE [hart].[VectorMedian]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorGroups] READONLY,
    @element varchar(64) = 'f32',
    @result_element varchar(64) = 'input',
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
                @script = N'vector_median',
                @input_data_1 = @input,
                @params = N'@element varchar(64), @result_element varchar(64), @not_finite varchar(64), @result_vectors varchar(64), @rows_json varchar(max) OUTPUT',
                @element = @element,
                @result_element = @result_element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1 AND LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_median',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@element varchar(64), @result_element varchar(64), @not_finite varchar(64), @result_vectors varchar(64)',
                @element = @element,
                @result_element = @result_element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [median] varchar(max), [vectors] bigint, [left_out] bigint, [part] bigint));
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_median',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@element varchar(64), @result_element varchar(64), @not_finite varchar(64), @result_vectors varchar(64)',
                @element = @element,
                @result_element = @result_element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [median] varbinary(max), [vectors] bigint, [left_out] bigint, [part] bigint));
        ELSE IF LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_median',
                @input_data_1 = @input,
                @params = N'@element varchar(64), @result_element varchar(64), @not_finite varchar(64), @result_vectors varchar(64)',
                @element = @element,
                @result_element = @result_element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [median] varchar(max), [vectors] bigint, [left_out] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_median',
                @input_data_1 = @input,
                @params = N'@element varchar(64), @result_element varchar(64), @not_finite varchar(64), @result_vectors varchar(64)',
                @element = @element,
                @result_element = @result_element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [median] varbinary(max), [vectors] bigint, [left_out] bigint));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
