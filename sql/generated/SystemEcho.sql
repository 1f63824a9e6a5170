SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SystemEcho: Returns every input column unchanged.
-- For checking an installation: every column comes back as it came. Any columns and any parameters are accepted.
--
-- Parameters:
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC.
--
-- NULL: NULL comes back as NULL.
-- Empty: Empty values come back empty.
-- NaN and infinity: Unchanged.
-- Accuracy: Exact.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: OUTPUT parameters come back too. A uniqueidentifier comes back as text, a bit as 0 or 1. FLOAT and REAL
--           hold neither NaN nor infinity.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SystemEcho]
--       @source = N'SELECT CAST(1 AS bigint) AS [value]';
CREATE OR ALTER PROCEDURE [hart].[SystemEcho]
(
    @source nvarchar(max),
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'', @by_part = 0, @input = @input OUTPUT;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'system_echo',
                @input_data_1 = @input,
                @params = N'@rows_json varchar(max) OUTPUT',
                @rows_json = @rows_json OUTPUT;
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'system_echo',
                @input_data_1 = @input;
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
