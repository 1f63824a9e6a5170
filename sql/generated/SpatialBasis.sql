SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialBasis: What a stored basis is: its kind, dimension, axes, bounds and checksum.
-- One result row, with what spatial_fit said of the basis when it made it. The checksum is looked at first, so that
-- this is also the test of whether the bytes are whole. The bounds are those to give to spatial_hilbert and
-- spatial_morton.
--
-- Parameters:
--   @basis (binary, or its hexadecimal text (0x...)) The basis, as spatial_fit returns it. Empty: clr_v1, the three
--          axes for 1998 dimensions of the replaced assembly.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC.
--
-- Result:
--   kind varchar(8000): clr_v1, landmarks, pca, random or trilateration.
--   dimension int: Dimension of the vectors that it projects.
--   axes int: Number of axes or anchors.
--   sample_rows bigint [rows]: Rows that the bounds were measured on.
--   x_min float [that of the vectors]: Least x of the rows; NULL where there were none.
--   x_max float [that of the vectors]: Greatest x.
--   y_min float [that of the vectors]: Least y.
--   y_max float [that of the vectors]: Greatest y.
--   z_min float [that of the vectors]: Least z.
--   z_max float [that of the vectors]: Greatest z.
--   checksum bigint: CRC-32 of the bytes, which end with it.
--
-- NULL: Bounds that nobody measured are NULL.
-- Empty: Needs no input.
-- NaN and infinity: A basis with a number that is not finite is an error, as is one whose checksum fails.
-- Accuracy: Exact: what is stored.
-- Chunks: Takes no rows. Where sp_execute_external_script sends some, it answers once for each chunk and does not look
--         at them.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialBasis]
--       @basis = 0x484241530100010102000000020000000200000000000000000000000000F03F000000000000F03F00000000000000400000000000000000000000000000F03F0000803F00000000000000000000803F889A3805;
--   gives 'landmarks' | 2 | 2 | 2 | 1 | 2 | 0 | 1 | 0 | 0 | 87595656
CREATE OR ALTER PROCEDURE [hart].[SpatialBasis]
(
    @basis varbinary(max) = 0x,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_basis',
                @params = N'@basis varbinary(max), @rows_json varchar(max) OUTPUT',
                @basis = @basis,
                @rows_json = @rows_json OUTPUT;
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_basis',
                @params = N'@basis varbinary(max)',
                @basis = @basis
                WITH RESULT SETS (([kind] varchar(8000), [dimension] int, [axes] int, [sample_rows] bigint, [x_min] float, [x_max] float, [y_min] float, [y_max] float, [z_min] float, [z_max] float, [checksum] bigint));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
