SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.TensorImportance: How much each atom matters: from singular values, from magnitude, or from a Fisher diagonal.
-- One row for each atom, by ascending atom_id, with the columns that tensor_prune takes. singular_value reads no
-- payload, but the same chunk of an atom twice is an error there too. energy is the squared norm of what the atom adds
-- to the layer: weight^2 for components of tensor_svd, else weight^2*||payload||^2. The measure fisher takes the loss
-- to be at a minimum and its Hessian to be the diagonal given (optimal brain damage).
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   atom_id an integer type: The atom. Several rows are the chunks of its payload.
--   chunk an integer type: Place of the chunk: chunks are put together in ascending order, gaps do not count. NULL
--         where there is only one.
--   weight float, real, numeric or an integer type [any]: Singular value or coefficient of the atom, the same in all of
--          its rows; NULL is 1, but not for singular_value.
--   payload varbinary: Bytes of the chunk, cut anywhere.
--   fisher varbinary [any]: Fisher diagonal for measure fisher: a packed single (f32, little-endian) >= 0 for each
--          element, in chunks as the payload; not read otherwise.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @measure (one of singular_value, magnitude, fisher) singular_value: weight^2. magnitude: the squared norm of
--            weight*payload. fisher: 1/2*sum fisher*(weight*payload)^2, the rise of the loss where the atom is left
--            out.
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
--   importance float [by the measure]: The importance, >= 0.
--   share float: Its share of the importance of all atoms of the call; 0 where all are 0.
--   energy float [square of the layer's]: Squared norm of what the atom adds to the layer.
--
-- NULL: A NULL atom_id is an error, and so is a NULL weight for singular_value and NULL bytes that the measure reads.
-- Empty: No rows give no result rows.
-- NaN and infinity: NaN or an infinity is an error that names the row and the element, and so is a negative number in
--                   fisher.
-- Accuracy: Sums in double precision: of n elements importance and energy have a relative error of at most (n +
--           4)*2^-53, for n up to 2^26, or n*2^-1074 in the unit of the energy where that is more; singular_value is n
--           = 1. share of m atoms has a relative error of at most (2*n + m + 10)*2^-53, and 2^-900 comes on top, where
--           no importance but 0 is below the range of normal doubles. The same bits for any order of the rows and any
--           number of threads, on every machine.
-- Chunks: Needs all atoms, for the shares in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[TensorImportance]
--       @source = N'SELECT [atom_id], [chunk], [weight], [payload], [fisher] FROM (VALUES (CAST(7 AS bigint), CAST(NULL AS bigint), CAST(3e0 AS float), CAST(NULL AS varbinary(max)), CAST(NULL AS varbinary(max))), (CAST(8 AS bigint), CAST(NULL AS bigint), CAST(-1e0 AS float), CAST(NULL AS varbinary(max)), CAST(NULL AS varbinary(max)))) AS [example] ([atom_id], [chunk], [weight], [payload], [fisher])';
--   gives 7 | 9 | 0.9 | 9
--   gives 8 | 1 | 0.1 | 1
CREATE OR ALTER PROCEDURE [hart].[TensorImportance]
(
    @source nvarchar(max),
    @measure varchar(64) = 'singular_value',
    @type varchar(64) = 'f32',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'atom_id,chunk,weight,payload,fisher', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_importance',
                @input_data_1 = @input,
                @params = N'@measure varchar(64), @type varchar(64), @rows_json varchar(max) OUTPUT',
                @measure = @measure,
                @type = @type,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_importance',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@measure varchar(64), @type varchar(64)',
                @measure = @measure,
                @type = @type
                WITH RESULT SETS (([atom_id] bigint, [importance] float, [share] float, [energy] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_importance',
                @input_data_1 = @input,
                @params = N'@measure varchar(64), @type varchar(64)',
                @measure = @measure,
                @type = @type
                WITH RESULT SETS (([atom_id] bigint, [importance] float, [share] float, [energy] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
