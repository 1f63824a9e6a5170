SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.TensorDrift: How coefficients changed between two points in time: added, removed, changed, and by how much.
-- One row for each coefficient of either snapshot, NULL where the coefficient is absent. Absent counts as 0 in the
-- deltas. delta = after - before; relative_delta = delta / |before|, whose sign is that of the delta whatever the
-- base's sign; symmetric_delta = 2*delta / (|before| + |after|), which has a value for a base of 0 too: 2 or -2 where
-- the coefficient came from nothing, went to nothing or changed its sign, 0 where both are 0.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   before float, real, numeric or an integer type [that of the coefficients]: The coefficient at the earlier time;
--          NULL where it was absent.
--   after float, real, numeric or an integer type [that of the coefficients]: The coefficient at the later time; NULL
--         where it is absent.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @tolerance (a finite number >= 0) Largest |delta| of a coefficient that counts as unchanged.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   change varchar(8000): added, removed, changed or unchanged. An added or removed coefficient is so whatever its
--          size.
--   delta float [that of the coefficients]: after - before.
--   relative_delta float: delta / |before|; NULL where before is 0 or absent.
--   symmetric_delta float: 2*delta / (|before| + |after|), from -2 to 2.
--
-- NULL: NULL is an absent coefficient. Absent at both times gives NULL in every column.
-- Empty: No rows give no result rows.
-- NaN and infinity: NaN or an infinity is an error that names the row. A delta beyond the largest double, or such a
--                   quotient with a very small base, is infinite.
-- Accuracy: delta is correctly rounded; the quotients are within 2^-51 of their size. -0 and 0 are equal.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: A FULL OUTER JOIN of the table FOR SYSTEM_TIME AS OF two points in time gives the rows. FLOAT holds neither
--           NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[TensorDrift]
--       @source = N'SELECT [id], [before], [after] FROM (VALUES (CAST(1 AS bigint), CAST(-2e0 AS float), CAST(-1e0 AS float)), (CAST(2 AS bigint), CAST(NULL AS float), CAST(5e-1 AS float)), (CAST(3 AS bigint), CAST(0e0 AS float), CAST(4e0 AS float)), (CAST(4 AS bigint), CAST(8e0 AS float), CAST(NULL AS float)), (CAST(5 AS bigint), CAST(3e0 AS float), CAST(3e0 AS float))) AS [example] ([id], [before], [after])';
--   gives 1 | 'changed' | 1 | 0.5 | 0.6666666666666666
--   gives 2 | 'added' | 0.5 | NULL | 2
--   gives 3 | 'changed' | 4 | NULL | 2
--   gives 4 | 'removed' | -8 | -1 | -2
--   gives 5 | 'unchanged' | 0 | 0 | 0
CREATE OR ALTER PROCEDURE [hart].[TensorDrift]
(
    @source nvarchar(max),
    @tolerance float = 0,
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_per_read int = 10000,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,before,after', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_drift',
                @input_data_1 = @input,
                @params = N'@tolerance float, @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @tolerance = @tolerance,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_drift',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@tolerance float',
                @tolerance = @tolerance
                WITH RESULT SETS (([id] bigint, [change] varchar(8000), [delta] float, [relative_delta] float, [symmetric_delta] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_drift',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@tolerance float, @r_rowsPerRead int',
                @tolerance = @tolerance,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [change] varchar(8000), [delta] float, [relative_delta] float, [symmetric_delta] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
