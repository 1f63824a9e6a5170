-- Removes the external language hart of this database, after the rights on it; the wrappers stay and fail until it is created again. Then the
-- language scripts create it anew, for example with a newer library, and install/permissions.sql grants the role its right again.
--
--   sqlcmd -b -d <database> -i install/drop-language.sql
--
-- It prints the rights that others than the role hart_caller had, as statements that give them back.
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
IF EXISTS
    (SELECT * FROM sys.external_languages AS l
     LEFT JOIN sys.external_language_files AS f ON f.external_language_id = l.external_language_id
     WHERE l.language = N'hart' AND (f.file_name IS NULL OR f.file_name NOT IN (N'hart_sqlhost.dll', N'libhart_sqlhost.so')))
    THROW 59912, N'the external language hart of this database is not this library, or its files cannot be seen by this login; it was left as it is', 1;
IF EXISTS (SELECT * FROM sys.external_languages WHERE language = N'hart')
BEGIN
    DECLARE @statement nvarchar(max) = N'', @others nvarchar(max) = N'';
    SELECT
        @statement = @statement + N'REVOKE EXECUTE EXTERNAL SCRIPT ON EXTERNAL LANGUAGE::[hart] FROM ' + QUOTENAME(g.name) + N' CASCADE;',
        @others = @others
            + CASE WHEN g.name = N'hart_caller' THEN N''
                   ELSE CASE p.[state] WHEN 'D' THEN N'DENY' ELSE N'GRANT' END
                       + N' EXECUTE EXTERNAL SCRIPT ON EXTERNAL LANGUAGE::[hart] TO ' + QUOTENAME(g.name)
                       + CASE p.[state] WHEN 'W' THEN N' WITH GRANT OPTION;' ELSE N';' END + NCHAR(10)
              END
    FROM sys.database_permissions AS p
    JOIN sys.database_principals AS g ON g.principal_id = p.grantee_principal_id
    WHERE p.permission_name = N'EXECUTE EXTERNAL SCRIPT'
      AND p.major_id = (SELECT external_language_id FROM sys.external_languages WHERE language = N'hart');
    EXEC sys.sp_executesql @statement;
    EXEC (N'DROP EXTERNAL LANGUAGE [hart];');
    PRINT @others;
END;
GO
