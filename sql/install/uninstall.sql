-- Removes everything that install.sql and the language scripts created. Run in the folder sql:
--
--   sqlcmd -b -I -f 65001 -d <database> -i install/uninstall.sql
--
-- It stops at the first thing that others still use, for example a procedure of sql/hartonomous or sql/scaleout in schema hart.
:on error exit
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
    -- Grants to the role go with it, but those on the language must go before the language.
    IF EXISTS (SELECT * FROM sys.external_languages WHERE language = N'hart')
        EXEC (N'REVOKE EXECUTE EXTERNAL SCRIPT ON EXTERNAL LANGUAGE::[hart] FROM [hart_caller];');
    IF SCHEMA_ID(N'hart') IS NOT NULL
        REVOKE EXECUTE ON SCHEMA::[hart] FROM [hart_caller];
    DROP ROLE [hart_caller];
END;
GO
DROP SCHEMA IF EXISTS [hart];
GO
IF EXISTS
    (SELECT * FROM sys.external_languages AS l
     JOIN sys.external_language_files AS f ON f.external_language_id = l.external_language_id
     WHERE l.language = N'hart' AND f.file_name NOT IN (N'hart_sqlhost.dll', N'libhart_sqlhost.so'))
    THROW 59912, N'the external language hart of this database is not this library; it was left as it is', 1;
IF EXISTS (SELECT * FROM sys.external_languages WHERE language = N'hart')
    EXEC (N'DROP EXTERNAL LANGUAGE [hart];');
GO
