-- Removes linked_search.sql, compressed_search.sql and broker.sql, with the results in hart_work.WorkItem.
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
IF EXISTS (SELECT * FROM sys.services WHERE name = N'//hart/work/receiver')
    DROP SERVICE [//hart/work/receiver];
IF EXISTS (SELECT * FROM sys.services WHERE name = N'//hart/work/sender')
    DROP SERVICE [//hart/work/sender];
GO
IF OBJECT_ID(N'hart_work.WorkQueue', N'SQ') IS NOT NULL
    DROP QUEUE [hart_work].[WorkQueue];
IF OBJECT_ID(N'hart_work.WorkSenderQueue', N'SQ') IS NOT NULL
    DROP QUEUE [hart_work].[WorkSenderQueue];
GO
IF EXISTS (SELECT * FROM sys.service_contracts WHERE name = N'//hart/work/contract')
    DROP CONTRACT [//hart/work/contract];
IF EXISTS (SELECT * FROM sys.service_message_types WHERE name = N'//hart/work/items')
    DROP MESSAGE TYPE [//hart/work/items];
GO
DROP PROCEDURE IF EXISTS [hart_work].[ReceiveWork];
DROP PROCEDURE IF EXISTS [hart_work].[CountFailure];
DROP PROCEDURE IF EXISTS [hart_work].[EndWorkDialogs];
DROP PROCEDURE IF EXISTS [hart_work].[RunWork];
DROP PROCEDURE IF EXISTS [hart_work].[EnqueueWork];
DROP PROCEDURE IF EXISTS [hart_work].[WorkStatus];
DROP PROCEDURE IF EXISTS [hart].[VectorTopKFanOut];
DROP PROCEDURE IF EXISTS [hart].[VectorTopKOfParts];
DROP PROCEDURE IF EXISTS [hart].[VectorTopKCompressed];
DROP TABLE IF EXISTS [hart_work].[WorkItem];
DROP TABLE IF EXISTS [hart_work].[WorkHandler];
DROP TABLE IF EXISTS [hart_work].[WorkRejected];
DROP TABLE IF EXISTS [hart_work].[WorkFailure];
DROP TABLE IF EXISTS [hart].[SearchNode];
GO
DROP SCHEMA IF EXISTS [hart_work];
GO
