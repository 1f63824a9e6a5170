-- Step 1, once for the instance, by a member of sysadmin: allows external scripts. `clr enabled` is not touched.
-- Needs the feature "Machine Learning Services and Language Extensions" (Windows) or the package
-- mssql-server-extensibility (Linux). Restart the Launchpad service (Linux: mssql-launchpadd) after the first time.
EXEC sp_configure N'external scripts enabled', 1;
RECONFIGURE WITH OVERRIDE;
GO
IF NOT EXISTS (SELECT * FROM sys.configurations WHERE name = N'external scripts enabled' AND CAST(value_in_use AS int) = 1)
    THROW 59910, N'external scripts enabled is set but not in use: restart SQL Server, then run this script again', 1;
GO
IF CAST(SERVERPROPERTY('IsAdvancedAnalyticsInstalled') AS int) <> 1
    THROW 59911, N'this instance lacks the feature Machine Learning Services and Language Extensions (Linux: the package mssql-server-extensibility)', 1;
GO
