SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SeriesCusum: Change points of each group's series by two-sided cumulative sums.
-- The first `baseline` numbers by position give a mean and a standard deviation. For each further number with z of
-- these, S^+ = max(0, S^+ + z - k) and S^- = max(0, S^- - z - k), where k is `reference`. A sum above `threshold` is an
-- alarm and gives a result row; the change began after the sum was last 0. Then a new baseline is taken from the number
-- at which it began on, so that a lasting step is one change.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   group_key an integer type: The row's group. Rows of a group need not follow each other; NULL is a group. Any other
--             type becomes such a number by DENSE_RANK() OVER (ORDER BY ...).
--   position an integer type [any]: The row's place in its series, by rising number: a time, or ROW_NUMBER() OVER
--            (ORDER BY ...).
--   value float, real, numeric or an integer type [any]: The number: of vectors for example the distance from their
--         average at the beginning.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @baseline (an integer from 2 to 2147483647) Numbers that give the mean and the standard deviation that further ones
--             are measured by.
--   @reference (a finite number >= 0) Half of the shift to be found, in standard deviations (k).
--   @threshold (a finite number >= 2.2250738585072014e-308) Sum at which there is an alarm, in standard deviations (h).
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   group_key bigint: The row's group. Rows of a group need not follow each other; NULL is a group. Any other type
--             becomes such a number by DENSE_RANK() OVER (ORDER BY ...).
--   start bigint [any]: Position at which the change began.
--   alarm bigint [any]: Position at which the sum passed the threshold.
--   direction int [1 or -1]: 1 where the numbers grew, -1 where they fell.
--   statistic float [standard deviations]: The sum at the alarm.
--   mean float [any]: Mean of the baseline before.
--   deviation float [any]: Its standard deviation.
--
-- NULL: A row whose position or value is NULL is left out. A NULL key is a group of its own.
-- Empty: No rows, and series no longer than a baseline, give no rows.
-- NaN and infinity: A number that is not finite is an error that names its row.
-- Accuracy: Double precision, in the order of the series; same bits for any order of the rows with distinct positions,
--           on every machine. A baseline that does not vary is an error. O(rows * log rows).
-- Chunks: Needs all rows of a group in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SeriesCusum]
--       @source = N'SELECT [group_key], [position], [value] FROM (VALUES (CAST(7 AS bigint), CAST(1 AS bigint), CAST(1e0 AS float)), (CAST(7 AS bigint), CAST(2 AS bigint), CAST(3e0 AS float)), (CAST(7 AS bigint), CAST(3 AS bigint), CAST(2e0 AS float)), (CAST(7 AS bigint), CAST(4 AS bigint), CAST(2e0 AS float)), (CAST(7 AS bigint), CAST(5 AS bigint), CAST(9e0 AS float))) AS [example] ([group_key], [position], [value])',
--       @baseline = 3;
--   gives 7 | 5 | 5 | 1 | 6.5 | 2 | 1
CREATE OR ALTER PROCEDURE [hart].[SeriesCusum]
(
    @source nvarchar(max),
    @baseline int = 20,
    @reference float = 0.5,
    @threshold float = 5,
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'group_key,position,value', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'series_cusum',
                @input_data_1 = @input,
                @params = N'@baseline int, @reference float, @threshold float, @rows_json varchar(max) OUTPUT',
                @baseline = @baseline,
                @reference = @reference,
                @threshold = @threshold,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'series_cusum',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@baseline int, @reference float, @threshold float',
                @baseline = @baseline,
                @reference = @reference,
                @threshold = @threshold
                WITH RESULT SETS (([group_key] bigint, [start] bigint, [alarm] bigint, [direction] int, [statistic] float, [mean] float, [deviation] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'series_cusum',
                @input_data_1 = @input,
                @params = N'@baseline int, @reference float, @threshold float',
                @baseline = @baseline,
                @reference = @reference,
                @threshold = @threshold
                WITH RESULT SETS (([group_key] bigint, [start] bigint, [alarm] bigint, [direction] int, [statistic] float, [mean] float, [deviation] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
