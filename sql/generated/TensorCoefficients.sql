SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.TensorCoefficients: How much of each atom a layer holds: least squares, with what is left over.
-- Rows with NULL as atom_id are the layer, the others the atoms, all of the same length. The coefficients are those
-- with which tensor_synthesize comes nearest to the layer in the Frobenius norm; for orthonormal atoms they are dot
-- products. Where atoms depend on each other, rank is less than their number and the least sum of
-- ||coefficient*atom||^2 is taken. One row for each atom, by ascending atom_id. One layer in a call.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   atom_id an integer type: The atom; NULL for the layer itself. Several rows are the chunks of a payload.
--   chunk an integer type: Place of the chunk: chunks are put together in ascending order, gaps do not count. NULL
--         where there is only one.
--   payload varbinary: Bytes of the chunk, cut anywhere.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @type (one of f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k, f64, f8_e4m3, f8_e5m2, q2_k, q3_k,
--         iq4_nl, iq4_xs, mxfp4, legacy_q8_0, legacy_q4_0, legacy_q4_1, legacy_q5_0, legacy_q5_1, legacy_q4_k,
--         legacy_q5_k, legacy_q6_k) How the elements are stored: a type of GGUF, or a legacy layout by its own name.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   atom_id bigint: The atom. Several rows are the chunks of its payload.
--   coefficient float: How much of the atom the layer holds.
--   residual float: ||layer - sum coefficient*atom|| / ||layer||, the same in all rows; 0 for a layer of zeros.
--   rank bigint: Dimension of the space that the atoms span, the same in all rows.
--
-- NULL: NULL bytes are an error that names the row; a NULL chunk is allowed for a payload that comes in one.
-- Empty: No rows and no atoms give no result rows. Rows without a layer are an error.
-- NaN and infinity: NaN or an infinity in a payload is an error that names the row and the element.
-- Accuracy: QR factorization of the atoms, brought to length 1, in double precision; directions in which these reach
--           less than 3e-7 of the largest are left out, for rounding to singles makes as much of atoms that depend on
--           each other. Where none is left out, with kappa <= 3.4e6 the condition of the m atoms, the vector x of all
--           coefficient*||atom|| is off by at most 2^-46*sqrt m*kappa*(||x|| + kappa*residual*||layer||). The same bits
--           for any order of the rows, any chunks and any number of threads; between processors the last digits may
--           differ.
-- Chunks: Needs the layer and all atoms in one call.
-- In T-SQL: Several layers: one partition each. FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[TensorCoefficients]
--       @source = N'SELECT [atom_id], [chunk], [payload] FROM (VALUES (CAST(NULL AS bigint), CAST(NULL AS bigint), CAST(0x000040400000804000000000 AS varbinary(max))), (CAST(7 AS bigint), CAST(NULL AS bigint), CAST(0x0000803F0000000000000000 AS varbinary(max))), (CAST(8 AS bigint), CAST(NULL AS bigint), CAST(0x000000000000004000000000 AS varbinary(max)))) AS [example] ([atom_id], [chunk], [payload])';
--   gives 7 | 3 | 0 | 2
--   gives 8 | 2 | 0 | 2
CREATE OR ALTER PROCEDURE [hart].[TensorCoefficients]
(
    @source nvarchar(max),
    @type varchar(64) = 'f32',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'atom_id,chunk,payload', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_coefficients',
                @input_data_1 = @input,
                @params = N'@type varchar(64), @rows_json varchar(max) OUTPUT',
                @type = @type,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_coefficients',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@type varchar(64)',
                @type = @type
                WITH RESULT SETS (([atom_id] bigint, [coefficient] float, [residual] float, [rank] bigint, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_coefficients',
                @input_data_1 = @input,
                @params = N'@type varchar(64)',
                @type = @type
                WITH RESULT SETS (([atom_id] bigint, [coefficient] float, [residual] float, [rank] bigint));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
