-- Work that cannot wait: a trigger only writes down which rows are new; a procedure that Service Broker starts computes them
-- later, many in one call, because every call starts a process.
--
--   trigger -> EnqueueWork -> WorkQueue -> ReceiveWork (activated) -> WorkItem -> RunWork -> handler
--
-- All of it is in the schema hart_work. The role hart_caller may execute EnqueueWork there and nothing else.
--
-- A message is received and written to WorkItem in one short transaction; the external process runs outside of any. No message is lost:
-- what fails is rolled back into the queue, and from the third failure on the message is moved to WorkRejected with its error; so is one
-- that makes no sense. An item that fails, or whose session ends, is tried again alone, so that it does not hold up its batch, and given up
-- after max_attempts, with its error.
--
-- Messages start RunWork. Items that a session left running when it ended are seen by the next call only, so let SQL Server Agent (or any
-- other clock) run this every few minutes; it also does all the work where activation is off:
--   EXEC hart_work.ReceiveWork;
-- EXEC hart_work.WorkStatus tells how things are; with @mend = 1 it turns on a queue that SQL Server has turned off.
-- Needs: ALTER DATABASE ... SET ENABLE_BROKER.
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
IF NOT EXISTS (SELECT * FROM sys.databases WHERE database_id = DB_ID() AND is_broker_enabled = 1)
    THROW 59950, N'Service Broker is off in this database; ALTER DATABASE CURRENT SET ENABLE_BROKER turns it on (nobody else may be connected)', 1;
GO

-- Owned by dbo like the tables whose triggers call EnqueueWork: one chain of ownership.
IF SCHEMA_ID(N'hart_work') IS NULL
    EXEC (N'CREATE SCHEMA [hart_work] AUTHORIZATION [dbo];');
GO

-- What to call for each kind of work. A handler takes @batch uniqueidentifier, finds its rows by hart_work.WorkItem.batch_id, and
-- may write [result]. Handlers run as the owner of the queue: only who may do that anyway should be able to write here.
IF OBJECT_ID(N'hart_work.WorkHandler', N'U') IS NULL
    CREATE TABLE [hart_work].[WorkHandler]
    (
        kind nvarchar(128) NOT NULL CONSTRAINT PK_WorkHandler PRIMARY KEY,
        procedure_schema sysname NOT NULL,
        procedure_name sysname NOT NULL,
        batch_size int NOT NULL CONSTRAINT DF_WorkHandler_batch_size DEFAULT 10000 CHECK (batch_size >= 1),
        max_attempts int NOT NULL CONSTRAINT DF_WorkHandler_max_attempts DEFAULT 3 CHECK (max_attempts >= 1)
    );
GO
-- The results: one row for each item, queued, running, done or failed.
IF OBJECT_ID(N'hart_work.WorkItem', N'U') IS NULL
    CREATE TABLE [hart_work].[WorkItem]
    (
        item_id bigint IDENTITY NOT NULL CONSTRAINT PK_WorkItem PRIMARY KEY,
        kind nvarchar(128) NOT NULL CONSTRAINT FK_WorkItem_WorkHandler REFERENCES [hart_work].[WorkHandler] (kind),
        target_id bigint NOT NULL,
        [state] varchar(10) NOT NULL CONSTRAINT DF_WorkItem_state DEFAULT 'queued'
            CHECK ([state] IN ('queued', 'running', 'done', 'failed')),
        attempts int NOT NULL CONSTRAINT DF_WorkItem_attempts DEFAULT 0,
        batch_id uniqueidentifier NULL,
        result nvarchar(max) NULL,
        error nvarchar(2048) NULL,
        queued_at datetime2(3) NOT NULL CONSTRAINT DF_WorkItem_queued_at DEFAULT SYSUTCDATETIME(),
        started_at datetime2(3) NULL,
        finished_at datetime2(3) NULL,
        INDEX IX_WorkItem_state ([state], kind, attempts),
        INDEX IX_WorkItem_batch (batch_id)
    );
GO
IF OBJECT_ID(N'hart_work.WorkRejected', N'U') IS NULL
    CREATE TABLE [hart_work].[WorkRejected]
    (
        rejected_id bigint IDENTITY NOT NULL CONSTRAINT PK_WorkRejected PRIMARY KEY,
        reason nvarchar(400) NOT NULL,
        message_type sysname NULL,
        body varbinary(max) NULL,
        rejected_at datetime2(3) NOT NULL CONSTRAINT DF_WorkRejected_rejected_at DEFAULT SYSUTCDATETIME()
    );
GO
-- How often a message has failed that is still in the queue.
IF OBJECT_ID(N'hart_work.WorkFailure', N'U') IS NULL
    CREATE TABLE [hart_work].[WorkFailure]
    (
        conversation_handle uniqueidentifier NOT NULL CONSTRAINT PK_WorkFailure PRIMARY KEY,
        failures int NOT NULL
    );
GO

IF NOT EXISTS (SELECT * FROM sys.service_message_types WHERE name = N'//hart/work/items')
    CREATE MESSAGE TYPE [//hart/work/items] AUTHORIZATION [dbo] VALIDATION = NONE;
GO
IF NOT EXISTS (SELECT * FROM sys.service_contracts WHERE name = N'//hart/work/contract')
    CREATE CONTRACT [//hart/work/contract] AUTHORIZATION [dbo] ([//hart/work/items] SENT BY INITIATOR);
GO
IF OBJECT_ID(N'hart_work.WorkQueue', N'SQ') IS NULL
    CREATE QUEUE [hart_work].[WorkQueue] WITH STATUS = ON, POISON_MESSAGE_HANDLING (STATUS = ON);
GO
IF OBJECT_ID(N'hart_work.WorkSenderQueue', N'SQ') IS NULL
    CREATE QUEUE [hart_work].[WorkSenderQueue] WITH STATUS = ON, POISON_MESSAGE_HANDLING (STATUS = ON);
GO
IF NOT EXISTS (SELECT * FROM sys.services WHERE name = N'//hart/work/sender')
    CREATE SERVICE [//hart/work/sender] AUTHORIZATION [dbo] ON QUEUE [hart_work].[WorkSenderQueue];
GO
IF NOT EXISTS (SELECT * FROM sys.services WHERE name = N'//hart/work/receiver')
    CREATE SERVICE [//hart/work/receiver] AUTHORIZATION [dbo] ON QUEUE [hart_work].[WorkQueue] ([//hart/work/contract]);
GO

-- hart_work.EnqueueWork: writes down work on rows; cheap enough for a trigger, and part of its transaction.
--
-- @kind  of hart_work.WorkHandler.  @ids  JSON array of whole numbers.
-- Runs as its owner, because BEGIN DIALOG asks for RECEIVE on the sender's queue, which would let callers take messages out of it, and
-- because a trigger has to work for everybody who may write the table. It runs no text and no name that a caller gives.
CREATE OR ALTER PROCEDURE [hart_work].[EnqueueWork]
(
    @kind nvarchar(128),
    @ids nvarchar(max)
)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    IF NOT EXISTS (SELECT * FROM [hart_work].[WorkHandler] WHERE kind = @kind)
        THROW 59951, N'@kind is not in hart_work.WorkHandler', 1;
    IF @ids IS NULL OR ISJSON(@ids) = 0
        THROW 59952, N'@ids is no JSON; expected an array of whole numbers', 1;
    -- Type 2 is a number.
    IF EXISTS (SELECT * FROM OPENJSON(@ids) WHERE [type] <> 2 OR TRY_CAST([value] AS bigint) IS NULL)
        THROW 59952, N'@ids has something that is no whole number; expected an array of whole numbers', 1;
    DECLARE @handle uniqueidentifier;
    DECLARE @body nvarchar(max) = (SELECT @kind AS kind, JSON_QUERY(@ids) AS ids FOR JSON PATH, WITHOUT_ARRAY_WRAPPER);
    BEGIN DIALOG CONVERSATION @handle
        FROM SERVICE [//hart/work/sender]
        TO SERVICE N'//hart/work/receiver', N'CURRENT DATABASE'
        ON CONTRACT [//hart/work/contract]
        WITH ENCRYPTION = OFF;
    SEND ON CONVERSATION @handle MESSAGE TYPE [//hart/work/items] (CAST(@body AS varbinary(max)));
END;
GO

-- hart_work.RunWork: hands queued items to their handlers until none is left. Runs outside of transactions; may be called at any time,
-- also by several sessions. Items that have been running for more than @stale_minutes are taken for those of a session that has ended: they
-- are tried again alone, or given up after max_attempts. Let no handler's batch take that long.
CREATE OR ALTER PROCEDURE [hart_work].[RunWork]
(
    @stale_minutes int = 60
)
AS
BEGIN
    SET NOCOUNT ON;
    -- READPAST does not work in the higher levels; the caller's own comes back at the end.
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    IF @@TRANCOUNT > 0
        THROW 59953, N'hart_work.RunWork is called in a transaction; an external process may take long, so expected none', 1;
    UPDATE i
    SET [state] = CASE WHEN i.attempts >= h.max_attempts THEN 'failed' ELSE 'queued' END,
        error = N'the session ended, or took longer than @stale_minutes',
        finished_at = CASE WHEN i.attempts >= h.max_attempts THEN SYSUTCDATETIME() END,
        batch_id = NULL
    FROM [hart_work].[WorkItem] AS i
    JOIN [hart_work].[WorkHandler] AS h ON h.kind = i.kind
    WHERE i.[state] = 'running' AND i.started_at < DATEADD(MINUTE, -@stale_minutes, SYSUTCDATETIME());

    DECLARE @kind nvarchar(128), @procedure nvarchar(517), @size int, @limit int, @batch uniqueidentifier, @error nvarchar(2048);
    WHILE 1 = 1
    BEGIN
        SET @kind = NULL;
        SELECT TOP (1)
            @kind = h.kind,
            @procedure = QUOTENAME(h.procedure_schema) + N'.' + QUOTENAME(h.procedure_name),
            -- What has failed before goes alone.
            @size = CASE WHEN i.attempts = 0 THEN h.batch_size ELSE 1 END,
            @limit = h.max_attempts
        FROM [hart_work].[WorkItem] AS i WITH (READPAST)
        JOIN [hart_work].[WorkHandler] AS h ON h.kind = i.kind
        WHERE i.[state] = 'queued'
        ORDER BY i.attempts, i.item_id;
        IF @kind IS NULL
            RETURN;

        SET @batch = NEWID();
        WITH next_items AS
        (
            SELECT TOP (@size) [state], attempts, batch_id, started_at
            FROM [hart_work].[WorkItem] WITH (UPDLOCK, READPAST, ROWLOCK)
            WHERE [state] = 'queued' AND kind = @kind
              AND ((@size > 1 AND attempts = 0) OR @size = 1)
            ORDER BY attempts, item_id
        )
        UPDATE next_items
        SET [state] = 'running', attempts = attempts + 1, batch_id = @batch, started_at = SYSUTCDATETIME();
        -- Another session was faster.
        IF @@ROWCOUNT = 0
            CONTINUE;

        SET @error = NULL;
        BEGIN TRY
            EXEC @procedure @batch = @batch;
        END TRY
        BEGIN CATCH
            SET @error = LEFT(CONCAT(ERROR_MESSAGE(), N' (', ERROR_NUMBER(), N')'), 2000);
        END CATCH;
        IF XACT_STATE() <> 0
        BEGIN
            ROLLBACK TRANSACTION;
            SET @error = COALESCE(@error, N'the handler left a transaction open; it was rolled back');
        END;
        UPDATE [hart_work].[WorkItem]
        SET [state] = CASE WHEN @error IS NULL THEN 'done' WHEN attempts >= @limit THEN 'failed' ELSE 'queued' END,
            error = @error,
            finished_at = CASE WHEN @error IS NULL OR attempts >= @limit THEN SYSUTCDATETIME() END
        WHERE batch_id = @batch AND [state] = 'running';
    END;
END;
GO

-- hart_work.CountFailure: what hart_work.ReceiveWork does, in a transaction of its own, about a message whose transaction was rolled back.
-- SQL Server turns the queue off at the fifth rollback in a row; at the third the message leaves it.
CREATE OR ALTER PROCEDURE [hart_work].[CountFailure]
(
    @handle uniqueidentifier,
    @error nvarchar(400)
)
AS
BEGIN
    SET NOCOUNT, XACT_ABORT ON;
    DECLARE @type sysname, @body varbinary(max);
    BEGIN TRANSACTION;
    UPDATE [hart_work].[WorkFailure] WITH (HOLDLOCK) SET failures = failures + 1 WHERE conversation_handle = @handle;
    IF @@ROWCOUNT = 0
        INSERT INTO [hart_work].[WorkFailure] (conversation_handle, failures) VALUES (@handle, 1);
    IF EXISTS (SELECT * FROM [hart_work].[WorkFailure] WHERE conversation_handle = @handle AND failures >= 3)
    BEGIN
        RECEIVE TOP (1) @type = message_type_name, @body = message_body
        FROM [hart_work].[WorkQueue]
        WHERE conversation_handle = @handle;
        -- Another session may have been through with it.
        IF @type IS NOT NULL
        BEGIN
            INSERT INTO [hart_work].[WorkRejected] (reason, message_type, body) VALUES (@error, @type, @body);
            END CONVERSATION @handle;
        END;
        DELETE FROM [hart_work].[WorkFailure] WHERE conversation_handle = @handle;
    END;
    COMMIT TRANSACTION;
END;
GO

-- hart_work.ReceiveWork: what the queue starts. Takes over all messages, then calls hart_work.RunWork.
CREATE OR ALTER PROCEDURE [hart_work].[ReceiveWork]
AS
BEGIN
    SET NOCOUNT, XACT_ABORT ON;
    IF @@TRANCOUNT > 0
        THROW 59953, N'hart_work.ReceiveWork is called in a transaction; an external process may take long, so expected none', 1;
    DECLARE @handle uniqueidentifier, @type sysname, @body varbinary(max), @text nvarchar(max), @kind nvarchar(128);
    DECLARE @reason nvarchar(400), @error nvarchar(400);
    WHILE 1 = 1
    BEGIN
        BEGIN TRY
            SET @handle = NULL;
            BEGIN TRANSACTION;
            WAITFOR
            (
                RECEIVE TOP (1) @handle = conversation_handle, @type = message_type_name, @body = message_body
                FROM [hart_work].[WorkQueue]
            ), TIMEOUT 2000;
            IF @handle IS NULL
            BEGIN
                COMMIT TRANSACTION;
                BREAK;
            END;
            IF @type = N'//hart/work/items'
            BEGIN
                SET @reason = NULL;
                SET @text = CASE WHEN DATALENGTH(@body) % 2 = 0 THEN CAST(@body AS nvarchar(max)) END;
                -- Each step only after the one before: a JSON function would fail on what is no JSON.
                IF @text IS NULL OR ISJSON(@text) = 0
                    SET @reason = N'the body is no JSON';
                ELSE
                BEGIN
                    SET @kind = LEFT(JSON_VALUE(@text, 'lax $.kind'), 128);
                    IF NOT EXISTS (SELECT * FROM [hart_work].[WorkHandler] WHERE kind = @kind)
                        SET @reason = N'no handler for kind ' + COALESCE(@kind, N'NULL');
                    ELSE IF JSON_QUERY(@text, 'lax $.ids') IS NULL
                        SET @reason = N'ids is no array';
                    ELSE IF EXISTS
                        (SELECT * FROM OPENJSON(@text, 'lax $.ids') WHERE [type] <> 2 OR TRY_CAST([value] AS bigint) IS NULL)
                        SET @reason = N'ids has something that is no whole number';
                END;
                IF @reason IS NULL
                    INSERT INTO [hart_work].[WorkItem] (kind, target_id)
                    SELECT DISTINCT @kind, TRY_CAST([value] AS bigint)
                    FROM OPENJSON(@text, 'lax $.ids') AS ids
                    WHERE NOT EXISTS
                        (SELECT * FROM [hart_work].[WorkItem] AS i
                         WHERE i.[state] = 'queued' AND i.kind = @kind AND i.target_id = TRY_CAST(ids.[value] AS bigint));
                ELSE
                    INSERT INTO [hart_work].[WorkRejected] (reason, message_type, body) VALUES (@reason, @type, @body);
            END
            ELSE IF @type NOT IN
                (N'http://schemas.microsoft.com/SQL/ServiceBroker/EndDialog', N'http://schemas.microsoft.com/SQL/ServiceBroker/Error')
                INSERT INTO [hart_work].[WorkRejected] (reason, message_type, body) VALUES (N'unknown message type', @type, @body);
            DELETE FROM [hart_work].[WorkFailure] WHERE conversation_handle = @handle;
            END CONVERSATION @handle;
            COMMIT TRANSACTION;
        END TRY
        BEGIN CATCH
            SET @error = LEFT(CONCAT(ERROR_MESSAGE(), N' (', ERROR_NUMBER(), N')'), 400);
            IF XACT_STATE() <> 0
                ROLLBACK TRANSACTION;
            -- Nothing was received: it is the queue that fails, for example because it is off.
            IF @handle IS NULL
                THROW;
            EXEC [hart_work].[CountFailure] @handle = @handle, @error = @error;
        END CATCH;
    END;
    EXEC [hart_work].[RunWork];
END;
GO

-- hart_work.EndWorkDialogs: closes the senders' ends, so that no conversation is left behind.
CREATE OR ALTER PROCEDURE [hart_work].[EndWorkDialogs]
AS
BEGIN
    -- An error ends the procedure and puts the message back into the queue.
    SET NOCOUNT, XACT_ABORT ON;
    DECLARE @handle uniqueidentifier, @type sysname, @body varbinary(max);
    WHILE 1 = 1
    BEGIN
        SET @handle = NULL;
        BEGIN TRANSACTION;
        WAITFOR
        (
            RECEIVE TOP (1) @handle = conversation_handle, @type = message_type_name, @body = message_body
            FROM [hart_work].[WorkSenderQueue]
        ), TIMEOUT 2000;
        IF @handle IS NOT NULL
        BEGIN
            IF @type = N'http://schemas.microsoft.com/SQL/ServiceBroker/Error'
                INSERT INTO [hart_work].[WorkRejected] (reason, message_type, body) VALUES (N'the dialog failed', @type, @body);
            END CONVERSATION @handle;
        END;
        COMMIT TRANSACTION;
        IF @handle IS NULL
            RETURN;
    END;
END;
GO

-- hart_work.WorkStatus: how the queues and the work are.
--
-- @mend  1: turns on the queues that are off. SQL Server turns a queue off when a message has been rolled back five times in a row; messages
--        sent meanwhile wait in the database and are delivered then.
-- Result: what, number, mend (what to do; NULL where nothing).
CREATE OR ALTER PROCEDURE [hart_work].[WorkStatus]
(
    @mend bit = 0
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @mend = 1
       AND EXISTS (SELECT * FROM sys.service_queues WHERE object_id = OBJECT_ID(N'hart_work.WorkQueue') AND is_receive_enabled = 0)
        ALTER QUEUE [hart_work].[WorkQueue] WITH STATUS = ON;
    IF @mend = 1
       AND EXISTS (SELECT * FROM sys.service_queues WHERE object_id = OBJECT_ID(N'hart_work.WorkSenderQueue') AND is_receive_enabled = 0)
        ALTER QUEUE [hart_work].[WorkSenderQueue] WITH STATUS = ON;
    SELECT N'queue ' + name COLLATE DATABASE_DEFAULT + CASE WHEN is_receive_enabled = 1 THEN N' is on' ELSE N' is off' END AS what,
           CAST(is_receive_enabled AS bigint) AS number,
           CASE WHEN is_receive_enabled = 0 THEN N'EXEC hart_work.WorkStatus @mend = 1;' END AS mend
    FROM sys.service_queues
    WHERE [schema_id] = SCHEMA_ID(N'hart_work')
    UNION ALL
    SELECT N'messages in WorkQueue', COUNT_BIG(*), NULL FROM [hart_work].[WorkQueue]
    UNION ALL
    SELECT N'messages not delivered', COUNT_BIG(*), CASE WHEN COUNT_BIG(*) > 0 THEN N'look at transmission_status in sys.transmission_queue' END
    FROM sys.transmission_queue
    WHERE to_service_name IN (N'//hart/work/receiver', N'//hart/work/sender')
    UNION ALL
    SELECT N'messages rejected', COUNT_BIG(*), CASE WHEN COUNT_BIG(*) > 0 THEN N'look at reason in hart_work.WorkRejected' END
    FROM [hart_work].[WorkRejected]
    UNION ALL
    SELECT N'items ' + [state], COUNT_BIG(*), CASE WHEN [state] = 'failed' THEN N'look at error in hart_work.WorkItem' END
    FROM [hart_work].[WorkItem]
    GROUP BY [state]
    ORDER BY what;
END;
GO

-- One reader: a call uses all processors anyway. Raise MAX_QUEUE_READERS where the language's setting threads is small; what is set stays.
IF NOT EXISTS (SELECT * FROM sys.service_queues WHERE object_id = OBJECT_ID(N'hart_work.WorkQueue') AND activation_procedure IS NOT NULL)
    ALTER QUEUE [hart_work].[WorkQueue]
        WITH ACTIVATION (STATUS = ON, PROCEDURE_NAME = [hart_work].[ReceiveWork], MAX_QUEUE_READERS = 1, EXECUTE AS OWNER);
GO
IF NOT EXISTS (SELECT * FROM sys.service_queues WHERE object_id = OBJECT_ID(N'hart_work.WorkSenderQueue') AND activation_procedure IS NOT NULL)
    ALTER QUEUE [hart_work].[WorkSenderQueue]
        WITH ACTIVATION (STATUS = ON, PROCEDURE_NAME = [hart_work].[EndWorkDialogs], MAX_QUEUE_READERS = 1, EXECUTE AS OWNER);
GO
-- Nobody is granted the tables, the queues or the services.
IF DATABASE_PRINCIPAL_ID(N'hart_caller') IS NOT NULL
    GRANT EXECUTE ON OBJECT::[hart_work].[EnqueueWork] TO [hart_caller];
GO
