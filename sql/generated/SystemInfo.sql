SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SystemInfo: Version, processor level and threads of the running library.
-- One row for each property.
--
-- Parameters:
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC.
--
-- Result:
--   property varchar(8000): Name.
--   value varchar(8000): Value as text.
--
-- NULL: No NULL.
-- Empty: Needs no input.
-- NaN and infinity: No numbers.
-- Accuracy: Exact.
-- Chunks: Takes no rows. Where sp_execute_external_script sends some, it answers once for each chunk and does not look
--         at them.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SystemInfo];
CREATE OR ALTER PROCEDURE [hart].[SystemInfo]
(
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'system_info',
                @params = N'@rows_json varchar(max) OUTPUT',
                @rows_json = @rows_json OUTPUT;
        ELSE
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
