-- Removes linked_search.sql and broker.sql, with the results in hart.WorkItem.
IF EXISTS (SELECT * FROM sys.services WHERE name = N'//hart/work/receiver')
    DROP SERVICE [//hart/work/receiver];
IF EXISTS (SELECT * FROM sys.services WHERE name = N'//hart/work/sender')
    DROP SERVICE [//hart/work/sender];
GO
IF OBJECT_ID(N'hart.WorkQueue', N'SQ') IS NOT NULL
    DROP QUEUE [hart].[WorkQueue];
IF OBJECT_ID(N'hart.WorkSenderQueue', N'SQ') IS NOT NULL
    DROP QUEUE [hart].[WorkSenderQueue];
GO
IF EXISTS (SELECT * FROM sys.service_contracts WHERE name = N'//hart/work/contract')
    DROP CONTRACT [//hart/work/contract];
IF EXISTS (SELECT * FROM sys.service_message_types WHERE name = N'//hart/work/items')
    DROP MESSAGE TYPE [//hart/work/items];
GO
DROP PROCEDURE IF EXISTS [hart].[ReceiveWork];
DROP PROCEDURE IF EXISTS [hart].[EndWorkDialogs];
DROP PROCEDURE IF EXISTS [hart].[RunWork];
DROP PROCEDURE IF EXISTS [hart].[EnqueueWork];
DROP PROCEDURE IF EXISTS [hart].[VectorTopKFanOut];
DROP PROCEDURE IF EXISTS [hart].[VectorTopKOfParts];
DROP TABLE IF EXISTS [hart].[WorkItem];
DROP TABLE IF EXISTS [hart].[WorkHandler];
DROP TABLE IF EXISTS [hart].[WorkRejected];
DROP TABLE IF EXISTS [hart].[SearchNode];
GO
