SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorWeightedAverage: Weighted averages of each group's vectors, by component.
-- sum w*v / sum w by group_key. Weights are finite and at least 0. Vectors of one group must have the same dimensions;
-- other groups may have others.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   group_key an integer type: The row's group. Rows of a group need not follow each other; NULL is a group. Any other
--             type becomes such a number by DENSE_RANK() OVER (ORDER BY ...).
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   weight float, real, numeric or an integer type: The row's weight, at least 0.
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
--   average varbinary(max) or varchar(max): The weighted averages.
--   vectors bigint: Vectors that count in the group.
--   left_out bigint: Rows of the group that are left out: NULL ones, and with not_finite = leave_out those with NaN or
--            infinity.
--
-- NULL: A row whose vector or weight is NULL is left out and counted. A group without rows, or whose weights sum to 0,
--       has NULL. A NULL key is a group of its own.
-- Empty: No rows give no groups. Empty vectors give an empty vector.
-- NaN and infinity: An error that names the row and the component, or left out with not_finite = leave_out. A result
--                   beyond its element type is infinite; JSON cannot hold it, so it is NULL there.
-- Accuracy: Both sums are exact and rounded once: relative error <= 2^-51, and one more rounding to the result's
--           element type. Same bits for any order of the rows, chunking, number of threads and instruction set. O(rows
--           * dimensions).
-- Chunks: Needs all rows of a group in one call.
-- In T-SQL: Packed f64 results of narrower packed input need a source column varbinary(max), or @result_vectors =
--           'json'.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorWeightedAverage]
--       @source = N'SELECT [group_key], [v], [weight] FROM (VALUES (CAST(7 AS bigint), CAST(''[1,2]'' AS varchar(max)), CAST(2e0 AS float)), (CAST(7 AS bigint), CAST(''[4,8]'' AS varchar(max)), CAST(1e0 AS float)), (CAST(7 AS bigint), CAST(''[9,9]'' AS varchar(max)), CAST(NULL AS float)), (CAST(8 AS bigint), CAST(''[9,9]'' AS varchar(max)), CAST(0e0 AS float))) AS [example] ([group_key], [v], [weight])',
--       @result_vectors = 'json';
--   gives 7 | [2,4] | 2 | 1
--   gives 8 | NULL | 1 | 0
CREATE OR ALTER PROCEDURE [hart].[VectorWeightedAverage]
(
    @source nvarchar(max),
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
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'group_key,v,weight', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_weighted_average',
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
                @script = N'vector_weighted_average',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@element varchar(64), @result_element varchar(64), @not_finite varchar(64), @result_vectors varchar(64)',
                @element = @element,
                @result_element = @result_element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [average] varchar(max), [vectors] bigint, [left_out] bigint, [part] bigint));
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_weighted_average',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@element varchar(64), @result_element varchar(64), @not_finite varchar(64), @result_vectors varchar(64)',
                @element = @element,
                @result_element = @result_element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [average] varbinary(max), [vectors] bigint, [left_out] bigint, [part] bigint));
        ELSE IF LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_weighted_average',
                @input_data_1 = @input,
                @params = N'@element varchar(64), @result_element varchar(64), @not_finite varchar(64), @result_vectors varchar(64)',
                @element = @element,
                @result_element = @result_element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [average] varchar(max), [vectors] bigint, [left_out] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_weighted_average',
                @input_data_1 = @input,
                @params = N'@element varchar(64), @result_element varchar(64), @not_finite varchar(64), @result_vectors varchar(64)',
                @element = @element,
                @result_element = @result_element,
                @not_finite = @not_finite,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [average] varbinary(max), [vectors] bigint, [left_out] bigint));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
