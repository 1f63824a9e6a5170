-- Step 1, once for the instance, by a member of sysadmin: allows external scripts. `clr enabled` is not touched.
-- Needs the feature "Machine Learning Services and Language Extensions" (Windows) or the package
-- mssql-server-extensibility (Linux). Restart the Launchpad service (Linux: mssql-launchpadd) after the first time.
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
EXEC sp_configure N'external scripts enabled', 1;
RECONFIGURE WITH OVERRIDE;
GO
IF NOT EXISTS (SELECT * FROM sys.configurations WHERE name = N'external scripts enabled' AND CAST(value_in_use AS int) = 1)
    THROW 59910, N'external scripts enabled is set but not in use: restart SQL Server, then run this script again', 1;
GO
-- What the property is with the extensibility package alone is documented nowhere: a call decides (install/check.sql, hart status).
IF COALESCE(CAST(SERVERPROPERTY('IsAdvancedAnalyticsInstalled') AS int), 0) <> 1
    PRINT N'hart: the server says that the feature Machine Learning Services and Language Extensions (Linux: the package mssql-server-extensibility) is not installed; a call will tell';
GO
