SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.TensorSynthesize: A layer from atoms and their coefficients: the weighted sum.
-- sum coefficient*atom, element by element, atoms by ascending atom_id. Rows come in any order; a payload may come in
-- several chunks, each with the atom's coefficient. One layer in a call.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   atom_id an integer type: The atom. Several rows are the chunks of its payload.
--   chunk an integer type: Place of the chunk: chunks are put together in ascending order, gaps do not count. NULL
--         where there is only one.
--   coefficient float, real, numeric or an integer type: How much of the atom the layer holds; the same in all rows of
--               an atom.
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
--   chunk bigint: Always 0: the payload comes in one piece. It makes the result an input of the other tensor kernels.
--   payload varbinary(max) [that of the layer]: The elements as packed singles (f32, little-endian).
--
-- NULL: NULL is an error that names the row, except for the chunk of a payload that comes in one.
-- Empty: No rows give no result row; empty payloads give an empty one.
-- NaN and infinity: NaN or an infinity in a coefficient or payload is an error that names the row and the element, and
--                   so is a sum beyond the largest single.
-- Accuracy: Runs of 512 atoms, each element a chain of its own in double precision, with a product and an addition for
--           each atom; the runs' sums are added in order and rounded to single precision once. Of m atoms, off by at
--           most (min(m, 512) + ceiling(m / 512) + 1)*2^-53*sum|coefficient*atom| and half a unit in the last place,
--           where no product is below the range of normal doubles. The same bits for any order of the rows, any chunks
--           and any number of threads, on every machine.
-- Chunks: Needs all atoms in one call.
-- In T-SQL: Several layers: one partition each.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[TensorSynthesize]
--       @source = N'SELECT [atom_id], [chunk], [coefficient], [payload] FROM (VALUES (CAST(8 AS bigint), CAST(NULL AS bigint), CAST(-5e-1 AS float), CAST(0x000000000000804000000040 AS varbinary(max))), (CAST(7 AS bigint), CAST(1 AS bigint), CAST(2e0 AS float), CAST(0x00004040 AS varbinary(max))), (CAST(7 AS bigint), CAST(0 AS bigint), CAST(2e0 AS float), CAST(0x0000803F00000000 AS varbinary(max)))) AS [example] ([atom_id], [chunk], [coefficient], [payload])';
--   gives 0 | [2,-2,5]
CREATE OR ALTER PROCEDURE [hart].[TensorSynthesize]
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
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'atom_id,chunk,coefficient,payload', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_synthesize',
                @input_data_1 = @input,
                @params = N'@type varchar(64), @rows_json varchar(max) OUTPUT',
                @type = @type,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_synthesize',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@type varchar(64)',
                @type = @type
                WITH RESULT SETS (([chunk] bigint, [payload] varbinary(max), [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_synthesize',
                @input_data_1 = @input,
                @params = N'@type varchar(64)',
                @type = @type
                WITH RESULT SETS (([chunk] bigint, [payload] varbinary(max)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
