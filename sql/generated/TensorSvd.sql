SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.TensorSvd: Singular value decomposition of a matrix, truncated by rank, error or energy.
-- A about sum sigma*u*v^T. One row for each component, the greatest singular value first; the largest entry of each u
-- by magnitude (the first of equals) is positive. Where singular values are equal or nearly so, their vectors are one
-- of many equally good choices. Of several limits the components meet all targets, but are never more than `rank`. The
-- variances are shares of the energy, the sum of the squares of all singular values, also of those left out; 1 -
-- cumulative_variance is the squared relative Frobenius error of what has been taken so far. A matrix with an element
-- has one component at least, also where it is zero. One matrix in a call.
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
--   @columns (an integer from 1 to 2147483647) Columns of the matrix.
--   @rows (an integer from 0 to 2147483647) Rows of the matrix; 0 takes as many as the payload holds.
--   @rank (an integer from 0 to 2147483647) Most components; 0 is all.
--   @error (a number from 0 to 1) No more components than bring the relative Frobenius error down to this; 0 is no
--          target. Below 1.
--   @energy (a number from 0 to 1) No more components than explain this share of the energy, above 0; 1 is no target.
--   @method (one of exact, randomized) exact: for every size whose decomposition fits the memory allowed, else an
--           error. randomized: several times faster for a low `rank`, which it needs, in less memory, and approximate.
--   @seed (an integer >= -9223372036854775808) Seed of the randomized method: the same seed gives the same bits.
--   @oversampling (an integer from 0 to 10000) Random directions of the randomized method beyond `rank`; 0 is a quarter
--                 of `rank`, but at least 16.
--   @power_iterations (an integer from 0 to 100) Power iterations of the randomized method: more come nearer to the
--                     optimum.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   component int [number from 1]: The component.
--   singular_value float [that of the matrix]: Singular value sigma >= 0.
--   u varbinary(max): Left vector: a packed single (f32, little-endian) for each row of the matrix.
--   v varbinary(max): Right vector: a packed single for each column of the matrix.
--   explained_variance float: sigma^2 as a share of the energy; 0 for a zero matrix.
--   cumulative_variance float: Share of the energy in this component and those before; 1 for a zero matrix.
--   chunk bigint: Always 0: the vectors come in one piece. It makes the result an input of tensor_reconstruct.
--
-- NULL: NULL bytes are an error that names the row; a NULL chunk is allowed where there is only one.
-- Empty: No rows and empty payloads give no result rows.
-- NaN and infinity: NaN or an infinity in the matrix is an error that names its row and column.
-- Accuracy: Computed in double precision, vectors rounded to single precision. At full rank the components give the
--           matrix back with a relative Frobenius error below 1e-7 where they are multiplied in double precision;
--           tensor_reconstruct, whose sums are singles, adds what its accuracy says, on weights about 2e-8 * sqrt rank.
--           By the exact method singular values are off by at most (rows + columns)*2^-52 of the largest one. By the
--           randomized method they are too small by what its sample misses, which nothing bounds for a single matrix:
--           on weights and noise the first by up to 1 %, the last by up to 5 %, with an error up to 1 % above the
--           optimum (Eckart and Young); on the hardest spectra found, of up to 2,000 values, 11 %, 21 % and 2 %. The
--           same bits for any chunks and any number of threads; between processors the last digits may differ.
-- Chunks: Needs the whole matrix in one call.
-- In T-SQL: Several matrices: one partition each. FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[TensorSvd]
--       @source = N'SELECT [chunk], [payload] FROM (VALUES (CAST(NULL AS bigint), CAST(0x00000000000040400000804000000000 AS varbinary(max)))) AS [example] ([chunk], [payload])',
--       @columns = 2;
--   gives 1 | 4 | [0,1] | [1,0] | 0.64 | 0.64 | 0
--   gives 2 | 3 | [1,0] | [0,1] | 0.36 | 1 | 0
CREATE OR ALTER PROCEDURE [hart].[TensorSvd]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[PayloadRows] READONLY,
    @type varchar(64) = 'f32',
    @columns int,
    @rows int = 0,
    @rank int = 0,
    @error float = 0,
    @energy float = 1,
    @method varchar(64) = 'exact',
    @seed bigint = 0,
    @oversampling int = 0,
    @power_iterations int = 4,
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
                @script = N'tensor_svd',
                @input_data_1 = @input,
                @params = N'@type varchar(64), @columns int, @rows int, @rank int, @error float, @energy float, @method varchar(64), @seed bigint, @oversampling int, @power_iterations int, @rows_json varchar(max) OUTPUT',
                @type = @type,
                @columns = @columns,
                @rows = @rows,
                @rank = @rank,
                @error = @error,
                @energy = @energy,
                @method = @method,
                @seed = @seed,
                @oversampling = @oversampling,
                @power_iterations = @power_iterations,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_svd',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@type varchar(64), @columns int, @rows int, @rank int, @error float, @energy float, @method varchar(64), @seed bigint, @oversampling int, @power_iterations int',
                @type = @type,
                @columns = @columns,
                @rows = @rows,
                @rank = @rank,
                @error = @error,
                @energy = @energy,
                @method = @method,
                @seed = @seed,
                @oversampling = @oversampling,
                @power_iterations = @power_iterations
                WITH RESULT SETS (([component] int, [singular_value] float, [u] varbinary(max), [v] varbinary(max), [explained_variance] float, [cumulative_variance] float, [chunk] bigint, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'tensor_svd',
                @input_data_1 = @input,
                @params = N'@type varchar(64), @columns int, @rows int, @rank int, @error float, @energy float, @method varchar(64), @seed bigint, @oversampling int, @power_iterations int',
                @type = @type,
                @columns = @columns,
                @rows = @rows,
                @rank = @rank,
                @error = @error,
                @energy = @energy,
                @method = @method,
                @seed = @seed,
                @oversampling = @oversampling,
                @power_iterations = @power_iterations
                WITH RESULT SETS (([component] int, [singular_value] float, [u] varbinary(max), [v] varbinary(max), [explained_variance] float, [cumulative_variance] float, [chunk] bigint));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
