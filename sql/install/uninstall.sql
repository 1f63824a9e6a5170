-- Removes everything that install.sql and the language scripts created. Run in the folder sql:
--
--   sqlcmd -b -d <database> -i install/uninstall.sql
--
-- It stops at the first thing that others still use, for example a procedure of sql/hartonomous or sql/scaleout in schema hart.
:on error exit
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
:r install/drop-language.sql
:r generated/drop.sql
DROP PROCEDURE IF EXISTS [hart].[PrepareSource];
DROP PROCEDURE IF EXISTS [hart].[RethrowKernelError];
GO
IF DATABASE_PRINCIPAL_ID(N'hart_caller') IS NOT NULL
BEGIN
    DECLARE @statement nvarchar(max) = N'';
    SELECT @statement = @statement + N'ALTER ROLE [hart_caller] DROP MEMBER ' + QUOTENAME(m.name) + N';'
    FROM sys.database_role_members AS r
    JOIN sys.database_principals AS m ON m.principal_id = r.member_principal_id
    WHERE r.role_principal_id = DATABASE_PRINCIPAL_ID(N'hart_caller');
    EXEC sys.sp_executesql @statement;
    IF SCHEMA_ID(N'hart') IS NOT NULL
        REVOKE EXECUTE ON SCHEMA::[hart] FROM [hart_caller];
    DROP ROLE [hart_caller];
END;
GO
DROP SCHEMA IF EXISTS [hart];
GO
