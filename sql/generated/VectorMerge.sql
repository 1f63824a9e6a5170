SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorMerge: Sums, averages, variances and extremes of the states that vector_state gave for each group.
-- States are exact, so the results have the bits of vector_sum, vector_average, vector_variance, vector_minimum and
-- vector_maximum over all rows that the states were made of, whatever the order and grouping. The merged state comes
-- back, to be merged with later ones.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   group_key an integer type: The row's group. Rows of a group need not follow each other; NULL is a group. Any other
--             type becomes such a number by DENSE_RANK() OVER (ORDER BY ...).
--   state varbinary: The group's exact sums, squares and extremes, for vector_merge.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @divisor (one of sample, population) What squared deviations are divided by: sample = vectors - 1, as VAR;
--            population = vectors, as VARP.
--   @result_element (one of f32, f64) Element type of the result vectors, which are JSON.
--   @result_vectors (packed or json) How result vectors are written; JSON can be stored in a VECTOR column.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   group_key bigint: The group; rows come by ascending key, NULL first.
--   sum varbinary(max) or varchar(max): The sums.
--   average varbinary(max) or varchar(max): The averages.
--   variance varbinary(max) or varchar(max): The variances.
--   deviation varbinary(max) or varchar(max): The standard deviations.
--   minimum varbinary(max) or varchar(max): The least numbers.
--   maximum varbinary(max) or varchar(max): The greatest numbers.
--   vectors bigint: Vectors that count in the group.
--   left_out bigint: Rows of the group that are left out: NULL ones, and with not_finite = leave_out those with NaN or
--            infinity.
--   state varbinary(max): The group's exact sums, squares and extremes, for vector_merge.
--
-- NULL: A NULL state is left out. A group without vectors has NULL in all vectors, and one of a single vector in
--       variance and deviation with divisor = sample.
-- Empty: No rows give no groups.
-- NaN and infinity: States hold finite numbers. A result beyond its element type is infinite; JSON cannot hold it, so
--                   it is NULL there.
-- Accuracy: As the kernels named. O(states * dimensions).
-- Chunks: Needs all states of a group in one call.
-- In T-SQL: The vectors are packed with @result_vectors = 'packed'.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorMerge]
--       @source = N'SELECT [group_key], [state] FROM (VALUES (CAST(7 AS bigint), CAST(0x485647010100000002000000000000000000000000000000000000000000F03F00000000000008400121000010000121000028007F58800A AS varbinary(max)))) AS [example] ([group_key], [state])',
--       @divisor = N'population',
--       @result_vectors = 'json';
--   gives 7 | [4] | [2] | [1] | [1] | [1] | [3] | 2 | 0 | 0x485647010100000002000000000000000000000000000000000000000000F03F00000000000008400121000010000121000028007F58800A
CREATE OR ALTER PROCEDURE [hart].[VectorMerge]
(
    @source nvarchar(max),
    @divisor varchar(64) = 'sample',
    @result_element varchar(64) = 'f32',
    @result_vectors varchar(64) = 'packed',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'group_key,state', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_merge',
                @input_data_1 = @input,
                @params = N'@divisor varchar(64), @result_element varchar(64), @result_vectors varchar(64), @rows_json varchar(max) OUTPUT',
                @divisor = @divisor,
                @result_element = @result_element,
                @result_vectors = @result_vectors,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1 AND LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_merge',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@divisor varchar(64), @result_element varchar(64), @result_vectors varchar(64)',
                @divisor = @divisor,
                @result_element = @result_element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [sum] varchar(max), [average] varchar(max), [variance] varchar(max), [deviation] varchar(max), [minimum] varchar(max), [maximum] varchar(max), [vectors] bigint, [left_out] bigint, [state] varbinary(max), [part] bigint));
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_merge',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@divisor varchar(64), @result_element varchar(64), @result_vectors varchar(64)',
                @divisor = @divisor,
                @result_element = @result_element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [sum] varbinary(max), [average] varbinary(max), [variance] varbinary(max), [deviation] varbinary(max), [minimum] varbinary(max), [maximum] varbinary(max), [vectors] bigint, [left_out] bigint, [state] varbinary(max), [part] bigint));
        ELSE IF LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_merge',
                @input_data_1 = @input,
                @params = N'@divisor varchar(64), @result_element varchar(64), @result_vectors varchar(64)',
                @divisor = @divisor,
                @result_element = @result_element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [sum] varchar(max), [average] varchar(max), [variance] varchar(max), [deviation] varchar(max), [minimum] varchar(max), [maximum] varchar(max), [vectors] bigint, [left_out] bigint, [state] varbinary(max)));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_merge',
                @input_data_1 = @input,
                @params = N'@divisor varchar(64), @result_element varchar(64), @result_vectors varchar(64)',
                @divisor = @divisor,
                @result_element = @result_element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([group_key] bigint, [sum] varbinary(max), [average] varbinary(max), [variance] varbinary(max), [deviation] varbinary(max), [minimum] varbinary(max), [maximum] varbinary(max), [vectors] bigint, [left_out] bigint, [state] varbinary(max)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
