SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.TensorError: How far a layer is from its approximation: relative Frobenius error, largest difference, cosine.
-- The layers may be stored in different types and in different numbers of chunks: each is put together from the rows in
-- which its own column is not NULL. One pair in a call.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   chunk an integer type: Place of the chunk: chunks are put together in ascending order, gaps do not count. NULL
--         where there is only one.
--   payload varbinary: Bytes of the chunk, cut anywhere.
--   approximation varbinary: Bytes of the chunk of the other layer; NULL where it has fewer chunks.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @type (one of f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k, f64, f8_e4m3, f8_e5m2, q2_k, q3_k,
--         iq4_nl, iq4_xs, mxfp4, legacy_q8_0, legacy_q4_0, legacy_q4_1, legacy_q5_0, legacy_q5_1, legacy_q4_k,
--         legacy_q5_k, legacy_q6_k) How the elements are stored: a type of GGUF, or a legacy layout by its own name.
--   @approximation_type (one of f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k, f64, f8_e4m3, f8_e5m2,
--                       q2_k, q3_k, iq4_nl, iq4_xs, mxfp4, legacy_q8_0, legacy_q4_0, legacy_q4_1, legacy_q5_0,
--                       legacy_q5_1, legacy_q4_k, legacy_q5_k, legacy_q6_k) How the elements of the other layer are
--                       stored.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   elements bigint: Elements of each layer.
--   relative_error float: ||a - b|| / ||a|| in the Frobenius norm; 0 where both are zero, NULL where only the original
--                  is.
--   largest_error float [that of the layer]: Largest magnitude of a difference.
--   largest_at bigint [number from 0]: The first element with that difference; NULL where there are no elements.
--   cosine float: Cosine of the angle between the layers; NULL where one of them is zero.
--
-- NULL: NULL in both payloads of a row is an error; a NULL chunk is allowed where a layer has only one.
-- Empty: No rows give no result row.
-- NaN and infinity: NaN or an infinity is an error that names the layer and the element.
-- Accuracy: Sums in double precision in an order that depends on the length alone: of n elements, up to 2^26,
--           relative_error is off by at most (n + 4)*2^-53 of its size, however small it is, largest_error by 2^-53 of
--           its, cosine by (2*n + 4)*2^-53. The same bits for any chunks and any number of threads, on every machine.
-- Chunks: Needs all chunks of both layers in one call.
-- In T-SQL: Several pairs: one partition each. FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[TensorError]
--       @source = N'SELECT [chunk], [payload], [approximation] FROM (VALUES (CAST(NULL AS bigint), CAST(0x0000404000008040 AS varbinary(max)), CAST(0x000040400000803F AS varbinary(max)))) AS [example] ([chunk], [payload], [approximation])';
--   gives 2 | 0.6 | 3 | 1 | 0.8221921916437791
CREATE OR ALTER PROCEDURE [hart].[TensorError]
(
    @source nvarchar(max),
    @type varchar(64) = 'f32',
    @approximation_type varchar(64) = 'f32',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'chunk,payload,approximation', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_error',
                @input_data_1 = @input,
                @params = N'@type varchar(64), @approximation_type varchar(64), @rows_json varchar(max) OUTPUT',
                @type = @type,
                @approximation_type = @approximation_type,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_error',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@type varchar(64), @approximation_type varchar(64)',
                @type = @type,
                @approximation_type = @approximation_type
                WITH RESULT SETS (([elements] bigint, [relative_error] float, [largest_error] float, [largest_at] bigint, [cosine] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_error',
                @input_data_1 = @input,
                @params = N'@type varchar(64), @approximation_type varchar(64)',
                @type = @type,
                @approximation_type = @approximation_type
                WITH RESULT SETS (([elements] bigint, [relative_error] float, [largest_error] float, [largest_at] bigint, [cosine] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
