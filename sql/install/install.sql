-- Steps 3 and 4 in one: schema, wrappers and role. Run in the folder sql, after the language has been created:
--
--   sqlcmd -b -d <database> -i install/install.sql
:on error exit
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
IF CAST(PARSENAME(CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), 4) AS int) < 15
    THROW 59913, N'SQL Server 2019 or later is needed: earlier versions have no external languages', 1;
IF CAST(PARSENAME(CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), 4) AS int) = 15
   AND CAST(PARSENAME(CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), 2) AS int) < 4023
    THROW 59913, N'SQL Server 2019 needs its cumulative update 3 (15.0.4023) or later: builds before it have another interface for external languages', 1;
IF NOT EXISTS (SELECT * FROM sys.external_languages WHERE language = N'hart')
    THROW 59914, N'this database has no external language hart; run install/language-windows.sql or install/language-linux.sql first', 1;
GO
:r install/core.sql
:r generated/all.sql
:r install/permissions.sql
:r install/check.sql
