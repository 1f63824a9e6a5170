SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.TensorPrune: The most important atoms of a layer, as many as a ratio, a threshold or an error allows, and what
--                   that costs.
-- Orders the atoms by importance, the greatest first and equal ones by the smaller id, and keeps the first of them.
-- ratio: ceiling(value*n) of n atoms (a product within 2^-50 of a whole number counts as that). threshold: importance
-- >= value, which may keep none. error: as few as keep the error at or below the value, one at least. The energy of an
-- atom is the squared norm of what it adds to the layer: sigma^2 for components, coefficient^2*||payload||^2 for atoms.
-- kept_energy is the share of all energy in this atom and the more important ones, and error = sqrt(1 - kept_energy):
-- exactly the relative Frobenius error of the layer made of these atoms if they are orthogonal, as the components of
-- tensor_svd are; an estimate otherwise.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   importance float, real, numeric or an integer type [any]: What the atoms are ordered by, >= 0; for example from
--              tensor_importance.
--   energy float, real, numeric or an integer type [any]: Squared norm of what the atom adds to the layer; NULL in
--          every row where the importance is that.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @target (one of ratio, threshold, error) What `value` is: a share of the atoms, the smallest importance, or the
--           largest relative error.
--   @value (a finite number >= 0) The target's value: above 0 and at most 1 for ratio, from 0 to 1 for error, >= 0 for
--          threshold.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   rank int [number from 1]: 1 is the most important.
--   importance float [as given]: As given.
--   kept_energy float: Share of the energy in this atom and the more important ones; 1 where all energy is 0.
--   error float: sqrt(1 - kept_energy): relative Frobenius error of the layer made of this atom and the more important
--         ones, if atoms are orthogonal.
--
-- NULL: A NULL importance is an error, and so is an energy that is NULL in some rows only. An id that comes twice is an
--       error too; a NULL id loses every tie.
-- Empty: No rows give no result rows.
-- NaN and infinity: NaN, an infinity or a negative number is an error that names the row.
-- Accuracy: Of n atoms, error is within n*2^-52 of its size, however small, and kept_energy within n*2^-52 of 1;
--           energies of less than 2^-990 of the largest may count as less than they are. The same bits for any order of
--           the rows that have ids, on every machine.
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[TensorPrune]
--       @source = N'SELECT [id], [importance], [energy] FROM (VALUES (CAST(1 AS bigint), CAST(9e0 AS float), CAST(NULL AS float)), (CAST(2 AS bigint), CAST(7.5e1 AS float), CAST(NULL AS float)), (CAST(3 AS bigint), CAST(1.6e1 AS float), CAST(NULL AS float))) AS [example] ([id], [importance], [energy])',
--       @target = N'error',
--       @value = 4e-1;
--   gives 2 | 1 | 75 | 0.75 | 0.5
--   gives 3 | 2 | 16 | 0.91 | 0.3
CREATE OR ALTER PROCEDURE [hart].[TensorPrune]
(
    @source nvarchar(max),
    @target varchar(64) = 'ratio',
    @value float,
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,importance,energy', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_prune',
                @input_data_1 = @input,
                @params = N'@target varchar(64), @value float, @rows_json varchar(max) OUTPUT',
                @target = @target,
                @value = @value,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_prune',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@target varchar(64), @value float',
                @target = @target,
                @value = @value
                WITH RESULT SETS (([id] bigint, [rank] int, [importance] float, [kept_energy] float, [error] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_prune',
                @input_data_1 = @input,
                @params = N'@target varchar(64), @value float',
                @target = @target,
                @value = @value
                WITH RESULT SETS (([id] bigint, [rank] int, [importance] float, [kept_energy] float, [error] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
