SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorJohnsonLindenstrauss: How many dimensions a random projection needs to keep the distances of so many
--                                  vectors.
-- ceiling(4*ln(rows) / (epsilon^2/2 - epsilon^3/3)): for vector_random_projection. It does not depend on the vectors'
-- dimensions, and may be more than they have; then nothing is gained. It is a bound for any vectors with entries dense
-- or achlioptas: real ones often need a tenth of it. With entries li it holds only for vectors whose differences have
-- their length in many components, not for sparse ones such as one-hot vectors.
--
-- Parameters:
--   @rows (an integer >= 1) Number of vectors whose distances are to be kept.
--   @distortion (a number from 0.000001 to 0.999999) Greatest relative change of a squared distance (epsilon).
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC.
--
-- Result:
--   dimensions bigint: The least number of dimensions that the bound allows.
--
-- NULL: Has no input.
-- Empty: Needs no input.
-- NaN and infinity: Has no input.
-- Accuracy: Exact but for a logarithm with an error of some 2^-50; the same on every machine.
-- Chunks: Takes no rows. Where sp_execute_external_script sends some, it answers once for each chunk and does not look
--         at them.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorJohnsonLindenstrauss]
--       @rows = 1000000,
--       @distortion = 5e-1;
--   gives 664
CREATE OR ALTER PROCEDURE [hart].[VectorJohnsonLindenstrauss]
(
    @rows bigint,
    @distortion float = 0.1,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_johnson_lindenstrauss',
                @params = N'@rows bigint, @distortion float, @rows_json varchar(max) OUTPUT',
                @rows = @rows,
                @distortion = @distortion,
                @rows_json = @rows_json OUTPUT;
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_johnson_lindenstrauss',
                @params = N'@rows bigint, @distortion float',
                @rows = @rows,
                @distortion = @distortion
                WITH RESULT SETS (([dimensions] bigint));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
