SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.TensorReconstruct: A matrix from its components: the inverse of tensor_svd.
-- sum sigma*u*v^T, row after row. Takes what tensor_svd gives, all of it or a part, with singular values as they are or
-- changed. Rows come in any order. One matrix in a call.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   component an integer type: The component: they are added in ascending order, gaps do not count. Several rows are
--             the chunks of its vectors.
--   chunk an integer type: Place of the chunk: chunks are put together in ascending order, gaps do not count. NULL
--         where there is only one.
--   singular_value float, real, numeric or an integer type [any]: The component's weight sigma, the same in all of its
--                  rows.
--   u varbinary: Left vector: a packed single (f32, little-endian) for each row of the matrix; its chunks may be cut
--     anywhere.
--   v varbinary: Right vector: a packed single for each column of the matrix; NULL in a chunk that has only more of u,
--     and the other way round.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   chunk bigint: Always 0: the payload comes in one piece. It makes the result an input of the other tensor kernels.
--   payload varbinary(max) [that of the layer]: The elements as packed singles (f32, little-endian).
--
-- NULL: NULL is an error that names the row, but for the chunk of a component in one row, and for u or v where another
--       chunk has it.
-- Empty: No rows give no result row.
-- NaN and infinity: NaN or an infinity in a component is an error that names the row, and so is an element of the
--                   matrix beyond the largest single.
-- Accuracy: sigma*u is rounded to single precision; an element takes its products with v in ascending order of the
--           components, by one fused multiply-add in single precision each. With A the largest |sigma*u| and V the
--           largest |v| of a component: where A is beyond the largest single the power of two at or below it goes over
--           from sigma to v, and where A is below 2^-62 and V above 1 as much of the power of two at or below V from v
--           to sigma as brings A to 2^-62; this changes no product. An element of k components is off by at most (k +
--           2)*2^-24*sum|sigma*u*v| + 2^-88*sum A*|v| + k*2^-149. The same bits for any order of the rows and any
--           number of threads, on every machine.
-- Chunks: Needs all components in one call.
-- In T-SQL: Several matrices: one partition each.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[TensorReconstruct]
--       @source = N'SELECT [component], [chunk], [singular_value], [u], [v] FROM (VALUES (CAST(2 AS bigint), CAST(NULL AS bigint), CAST(3e0 AS float), CAST(0x0000803F00000000 AS varbinary(max)), CAST(0x000000000000803F AS varbinary(max))), (CAST(1 AS bigint), CAST(NULL AS bigint), CAST(4e0 AS float), CAST(0x000000000000803F AS varbinary(max)), CAST(0x0000803F00000000 AS varbinary(max)))) AS [example] ([component], [chunk], [singular_value], [u], [v])';
--   gives 0 | [0,3,4,0]
CREATE OR ALTER PROCEDURE [hart].[TensorReconstruct]
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
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'component,chunk,singular_value,u,v', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_reconstruct',
                @input_data_1 = @input,
                @params = N'@rows_json varchar(max) OUTPUT',
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_reconstruct',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel
                WITH RESULT SETS (([chunk] bigint, [payload] varbinary(max), [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_reconstruct',
                @input_data_1 = @input
                WITH RESULT SETS (([chunk] bigint, [payload] varbinary(max)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
