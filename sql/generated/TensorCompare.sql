SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.TensorCompare: Statistics of two models' coefficients side by side, layer by layer.
-- One row for each atom of a layer that at least one model has. One result row for each layer, by its name's code
-- points. Means, deviations and norms are over the atoms that the model has; coverage = shared / (atoms_a + atoms_b -
-- shared); the cosine is over the atoms that either model has, an absent coefficient being 0, and NULL where all of a
-- model's coefficients are.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   layer varchar or nvarchar: The layer's name.
--   atom_id an integer type: The atom, once in a layer.
--   a float, real, numeric or an integer type: The atom's coefficient in the first model; NULL where it does not have
--     the atom.
--   b float, real, numeric or an integer type: The atom's coefficient in the second model; NULL where it does not have
--     the atom.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   layer varchar(8000): The layer's name.
--   atoms_a int [atoms]: Atoms of the first model.
--   atoms_b int [atoms]: Atoms of the second model.
--   shared int [atoms]: Atoms that both models have.
--   coverage float: Atoms that both have, as a share of those that either has.
--   mean_a float [that of the coefficients]: Mean coefficient of the first model; NULL where it has no atom.
--   mean_b float [that of the coefficients]: Mean coefficient of the second model; NULL where it has no atom.
--   deviation_a float [that of the coefficients]: standard deviation of the population
--   deviation_b float [that of the coefficients]: standard deviation of the population
--   norm_a float [that of the coefficients]: Euclidean norm of the first model's coefficients.
--   norm_b float [that of the coefficients]: Euclidean norm of the second model's coefficients.
--   cosine float: Cosine of the two models' coefficients, from -1 to 1; NULL where all of a model's are 0.
--
-- NULL: NULL in a or b is an atom that the model does not have; NULL in both, or in layer or atom_id, is an error.
-- Empty: No rows give no result rows.
-- NaN and infinity: NaN or an infinity is an error that names the row. A norm beyond the largest double is infinite.
-- Accuracy: Compensated sums in ascending order of the atoms: norms within 2^-51 of their size, means within 2^-51 of
--           the mean magnitude, deviations within 2^-50 of the largest magnitude, the cosine within 2^-50, for up to
--           2^24 atoms; a number below the range of normal doubles is rounded once more. The same bits for any order of
--           the rows, on every machine.
-- Chunks: Needs a layer's rows in one call.
-- In T-SQL: A FULL OUTER JOIN of the two models' coefficients by layer and atom gives the rows. FLOAT holds neither NaN
--           nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[TensorCompare]
--       @source = N'SELECT [layer], [atom_id], [a], [b] FROM (VALUES (CAST(N''h.1'' AS nvarchar(4000)), CAST(7 AS bigint), CAST(2e0 AS float), CAST(NULL AS float)), (CAST(N''h.0'' AS nvarchar(4000)), CAST(1 AS bigint), CAST(3e0 AS float), CAST(3e0 AS float)), (CAST(N''h.0'' AS nvarchar(4000)), CAST(2 AS bigint), CAST(4e0 AS float), CAST(NULL AS float)), (CAST(N''h.0'' AS nvarchar(4000)), CAST(3 AS bigint), CAST(NULL AS float), CAST(4e0 AS float))) AS [example] ([layer], [atom_id], [a], [b])';
--   gives 'h.0' | 2 | 2 | 1 | 0.3333333333333333 | 3.5 | 3.5 | 0.5 | 0.5 | 5 | 5 | 0.36
--   gives 'h.1' | 1 | 0 | 0 | 0 | 2 | NULL | 0 | NULL | 2 | 0 | NULL
CREATE OR ALTER PROCEDURE [hart].[TensorCompare]
(
    @source nvarchar(max),
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'layer,atom_id,a,b', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_compare',
                @input_data_1 = @input,
                @params = N'@rows_json varchar(max) OUTPUT',
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_compare',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel
                WITH RESULT SETS (([layer] varchar(8000), [atoms_a] int, [atoms_b] int, [shared] int, [coverage] float, [mean_a] float, [mean_b] float, [deviation_a] float, [deviation_b] float, [norm_a] float, [norm_b] float, [cosine] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_compare',
                @input_data_1 = @input
                WITH RESULT SETS (([layer] varchar(8000), [atoms_a] int, [atoms_b] int, [shared] int, [coverage] float, [mean_a] float, [mean_b] float, [deviation_a] float, [deviation_b] float, [norm_a] float, [norm_b] float, [cosine] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
