-- Generated from the registry by `hart sql`; do not edit.
-- hart.SystemInfo: Version, processor level and threads of the running library.
-- One row for each property. The input is not looked at.
--
-- Result:
--   property varchar(8000): Name.
--   value varchar(8000): Value as text.
--
-- NULL: No NULL.
-- Empty: Needs no input.
-- NaN and infinity: No numbers.
-- Accuracy: Exact.
-- Chunks: Once for each chunk.
-- Errors: 59900 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else SQL Server's 39004 with that line, which begins with "hart:", among
--         the messages.
--
-- Example:
--   EXEC [hart].[SystemInfo];
CREATE OR ALTER PROCEDURE [hart].[SystemInfo]
AS
BEGIN
    SET NOCOUNT ON;
    BEGIN TRY
        EXEC sp_execute_external_script
            @language = N'hart',
            @script = N'system_info'
            WITH RESULT SETS (([property] varchar(8000), [value] varchar(8000)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
