SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.TensorDequantize: A payload of any type as packed singles.
-- Reads the block layouts of GGUF and, by their own names, those of the replaced functions. Rows are the chunks of one
-- payload, in any order.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.PayloadRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
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
--   chunk bigint: Always 0: the payload comes in one piece. It makes the result an input of the other tensor kernels.
--   payload varbinary(max) [that of the layer]: The elements as packed singles (f32, little-endian).
--
-- NULL: NULL bytes are an error that names the row; a NULL chunk is allowed where there is only one.
-- Empty: No rows give no result row; an empty payload gives an empty one.
-- NaN and infinity: NaN and infinities are elements like others: a payload is shown as it is.
-- Accuracy: The bits of the package gguf: f16, bf16 and f32 are exact, a quantized element is its scale times its
--           number, with the roundings that the format implies. The same bits for any chunks and any number of threads,
--           on every machine.
-- Chunks: Needs all chunks of a payload in one call.
-- In T-SQL: Several tensors: one partition each.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[TensorDequantize]
--       @source = N'SELECT [chunk], [payload] FROM (VALUES (CAST(NULL AS bigint), CAST(0x003C00C0 AS varbinary(max)))) AS [example] ([chunk], [payload])',
--       @type = N'f16';
--   gives 0 | [1,-2]
CREATE OR ALTER PROCEDURE [hart].[TensorDequantize]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[PayloadRows] READONLY,
    @type varchar(64) = 'f32',
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
        SELECT [chunk], [payload] INTO [#hart_rows] FROM @source_rows;
        SET @source = N'SELECT [chunk], [payload] FROM [#hart_rows]';
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'chunk,payload', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_dequantize',
                @input_data_1 = @input,
                @params = N'@type varchar(64), @rows_json varchar(max) OUTPUT',
                @type = @type,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_dequantize',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@type varchar(64)',
                @type = @type
                WITH RESULT SETS (([chunk] bigint, [payload] varbinary(max), [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_dequantize',
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
