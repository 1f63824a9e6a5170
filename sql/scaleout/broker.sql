-- Work that cannot wait: a trigger only writes down which rows are new; a procedure that Service Broker starts computes them
-- later, many in one call, because every call starts a process.
--
--   trigger -> hart.EnqueueWork -> queue -> hart.ReceiveWork (activated) -> hart.WorkItem -> hart.RunWork -> handler
--
-- The message is received and written to hart.WorkItem in one short transaction; the external process runs outside of any. A message
-- that cannot be understood goes to hart.WorkRejected, so it never rolls back and never disables the queue. An item that fails is
-- tried again alone, so that it does not hold up its batch, and given up after max_attempts, with its error.
-- Needs: ALTER DATABASE ... SET ENABLE_BROKER.
IF NOT EXISTS (SELECT * FROM sys.databases WHERE database_id = DB_ID() AND is_broker_enabled = 1)
    THROW 59950, N'Service Broker is off in this database; ALTER DATABASE CURRENT SET ENABLE_BROKER turns it on (nobody else may be connected)', 1;
GO

-- What to call for each kind of work. A handler takes @batch uniqueidentifier, finds its rows by hart.WorkItem.batch_id, and
-- may write [result]. Only who may change procedures of this schema should be able to write here.
IF OBJECT_ID(N'hart.WorkHandler', N'U') IS NULL
    CREATE TABLE [hart].[WorkHandler]
    (
        kind nvarchar(128) NOT NULL CONSTRAINT PK_WorkHandler PRIMARY KEY,
        procedure_schema sysname NOT NULL,
        procedure_name sysname NOT NULL,
        batch_size int NOT NULL CONSTRAINT DF_WorkHandler_batch_size DEFAULT 10000 CHECK (batch_size >= 1),
        max_attempts int NOT NULL CONSTRAINT DF_WorkHandler_max_attempts DEFAULT 3 CHECK (max_attempts >= 1)
    );
GO
-- The results: one row for each item, queued, running, done or failed.
IF OBJECT_ID(N'hart.WorkItem', N'U') IS NULL
    CREATE TABLE [hart].[WorkItem]
    (
        item_id bigint IDENTITY NOT NULL CONSTRAINT PK_WorkItem PRIMARY KEY,
        kind nvarchar(128) NOT NULL CONSTRAINT FK_WorkItem_WorkHandler REFERENCES [hart].[WorkHandler] (kind),
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
IF OBJECT_ID(N'hart.WorkRejected', N'U') IS NULL
    CREATE TABLE [hart].[WorkRejected]
    (
        rejected_id bigint IDENTITY NOT NULL CONSTRAINT PK_WorkRejected PRIMARY KEY,
        reason nvarchar(400) NOT NULL,
        message_type sysname NULL,
        body varbinary(max) NULL,
        rejected_at datetime2(3) NOT NULL CONSTRAINT DF_WorkRejected_rejected_at DEFAULT SYSUTCDATETIME()
    );
GO

-- hart.EnqueueWork: writes down work on rows; cheap enough for a trigger, and part of its transaction.
--
-- @kind  of hart.WorkHandler.  @ids  JSON array of whole numbers.
CREATE OR ALTER PROCEDURE [hart].[EnqueueWork]
(
    @kind nvarchar(128),
    @ids nvarchar(max)
)
AS
BEGIN
    SET NOCOUNT ON;
    IF NOT EXISTS (SELECT * FROM [hart].[WorkHandler] WHERE kind = @kind)
        THROW 59951, N'@kind is not in hart.WorkHandler', 1;
    IF @ids IS NULL OR ISJSON(@ids) = 0
        THROW 59952, N'@ids is no JSON; expected an array of whole numbers', 1;
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

-- hart.RunWork: hands queued items to their handlers until none is left. Runs outside of transactions; may be called at any time,
-- also by several sessions. Items that a crashed session left running are taken up again after @stale_minutes.
CREATE OR ALTER PROCEDURE [hart].[RunWork]
(
    @stale_minutes int = 60
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @@TRANCOUNT > 0
        THROW 59953, N'hart.RunWork is called in a transaction; an external process may take long, so expected none', 1;
    UPDATE [hart].[WorkItem]
    SET [state] = 'queued', batch_id = NULL
    WHERE [state] = 'running' AND started_at < DATEADD(MINUTE, -@stale_minutes, SYSUTCDATETIME());

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
        FROM [hart].[WorkItem] AS i WITH (READPAST)
        JOIN [hart].[WorkHandler] AS h ON h.kind = i.kind
        WHERE i.[state] = 'queued'
        ORDER BY i.attempts, i.item_id;
        IF @kind IS NULL
            RETURN;

        SET @batch = NEWID();
        WITH next_items AS
        (
            SELECT TOP (@size) [state], attempts, batch_id, started_at
            FROM [hart].[WorkItem] WITH (UPDLOCK, READPAST, ROWLOCK)
            WHERE [state] = 'queued' AND kind = @kind
              AND ((@size > 1 AND attempts = 0) OR @size = 1)
            ORDER BY attempts, item_id
        )
        UPDATE next_items
        SET [state] = 'running', attempts = attempts + 1, batch_id = @batch, started_at = SYSUTCDATETIME();

        SET @error = NULL;
        BEGIN TRY
            EXEC @procedure @batch = @batch;
        END TRY
        BEGIN CATCH
            SET @error = LEFT(CONCAT(ERROR_MESSAGE(), N' (', ERROR_NUMBER(), N')'), 2000);
        END CATCH;
        IF XACT_STATE() <> 0
            ROLLBACK TRANSACTION;
        UPDATE [hart].[WorkItem]
        SET [state] = CASE WHEN @error IS NULL THEN 'done' WHEN attempts >= @limit THEN 'failed' ELSE 'queued' END,
            error = @error,
            finished_at = CASE WHEN @error IS NULL OR attempts >= @limit THEN SYSUTCDATETIME() END
        WHERE batch_id = @batch AND [state] = 'running';
    END;
END;
GO

-- hart.ReceiveWork: what the queue starts. Nothing in a message can make it fail.
CREATE OR ALTER PROCEDURE [hart].[ReceiveWork]
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @handle uniqueidentifier, @type sysname, @body varbinary(max), @text nvarchar(max), @kind nvarchar(128), @reason nvarchar(400);
    WHILE 1 = 1
    BEGIN
        SET @handle = NULL;
        BEGIN TRANSACTION;
        WAITFOR
        (
            RECEIVE TOP (1) @handle = conversation_handle, @type = message_type_name, @body = message_body
            FROM [hart].[WorkQueue]
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
                IF NOT EXISTS (SELECT * FROM [hart].[WorkHandler] WHERE kind = @kind)
                    SET @reason = N'no handler for kind ' + COALESCE(@kind, N'NULL');
                ELSE IF JSON_QUERY(@text, 'lax $.ids') IS NULL
                    SET @reason = N'ids is no array';
                ELSE IF EXISTS (SELECT * FROM OPENJSON(@text, 'lax $.ids') WHERE TRY_CAST([value] AS bigint) IS NULL)
                    SET @reason = N'ids has something that is no whole number';
            END;
            IF @reason IS NULL
                INSERT INTO [hart].[WorkItem] (kind, target_id)
                SELECT DISTINCT @kind, TRY_CAST([value] AS bigint)
                FROM OPENJSON(@text, 'lax $.ids') AS ids
                WHERE NOT EXISTS
                    (SELECT * FROM [hart].[WorkItem] AS i
                     WHERE i.[state] = 'queued' AND i.kind = @kind AND i.target_id = TRY_CAST(ids.[value] AS bigint));
            ELSE
                INSERT INTO [hart].[WorkRejected] (reason, message_type, body) VALUES (@reason, @type, @body);
        END
        ELSE IF @type NOT IN
            (N'http://schemas.microsoft.com/SQL/ServiceBroker/EndDialog', N'http://schemas.microsoft.com/SQL/ServiceBroker/Error')
            INSERT INTO [hart].[WorkRejected] (reason, message_type, body) VALUES (N'unknown message type', @type, @body);
        END CONVERSATION @handle;
        COMMIT TRANSACTION;
    END;
    EXEC [hart].[RunWork];
END;
GO

-- hart.EndWorkDialogs: closes the senders' ends, so that no conversation is left behind.
CREATE OR ALTER PROCEDURE [hart].[EndWorkDialogs]
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @handle uniqueidentifier, @type sysname, @body varbinary(max);
    WHILE 1 = 1
    BEGIN
        SET @handle = NULL;
        BEGIN TRANSACTION;
        WAITFOR
        (
            RECEIVE TOP (1) @handle = conversation_handle, @type = message_type_name, @body = message_body
            FROM [hart].[WorkSenderQueue]
        ), TIMEOUT 2000;
        IF @handle IS NOT NULL
        BEGIN
            IF @type = N'http://schemas.microsoft.com/SQL/ServiceBroker/Error'
                INSERT INTO [hart].[WorkRejected] (reason, message_type, body) VALUES (N'the dialog failed', @type, @body);
            END CONVERSATION @handle;
        END;
        COMMIT TRANSACTION;
        IF @handle IS NULL
            RETURN;
    END;
END;
GO

IF NOT EXISTS (SELECT * FROM sys.service_message_types WHERE name = N'//hart/work/items')
    CREATE MESSAGE TYPE [//hart/work/items] VALIDATION = NONE;
GO
IF NOT EXISTS (SELECT * FROM sys.service_contracts WHERE name = N'//hart/work/contract')
    CREATE CONTRACT [//hart/work/contract] ([//hart/work/items] SENT BY INITIATOR);
GO
-- One reader: a call uses all processors anyway. Raise MAX_QUEUE_READERS where the language's setting threads is small.
IF OBJECT_ID(N'hart.WorkQueue', N'SQ') IS NULL
    CREATE QUEUE [hart].[WorkQueue]
        WITH STATUS = ON,
        ACTIVATION (STATUS = ON, PROCEDURE_NAME = [hart].[ReceiveWork], MAX_QUEUE_READERS = 1, EXECUTE AS OWNER),
        POISON_MESSAGE_HANDLING (STATUS = ON);
GO
IF OBJECT_ID(N'hart.WorkSenderQueue', N'SQ') IS NULL
    CREATE QUEUE [hart].[WorkSenderQueue]
        WITH STATUS = ON,
        ACTIVATION (STATUS = ON, PROCEDURE_NAME = [hart].[EndWorkDialogs], MAX_QUEUE_READERS = 1, EXECUTE AS OWNER);
GO
IF NOT EXISTS (SELECT * FROM sys.services WHERE name = N'//hart/work/sender')
    CREATE SERVICE [//hart/work/sender] ON QUEUE [hart].[WorkSenderQueue];
GO
IF NOT EXISTS (SELECT * FROM sys.services WHERE name = N'//hart/work/receiver')
    CREATE SERVICE [//hart/work/receiver] ON QUEUE [hart].[WorkQueue] ([//hart/work/contract]);
GO
-- Who may call hart.EnqueueWork may also send. Nobody is granted the tables.
IF DATABASE_PRINCIPAL_ID(N'hart_caller') IS NOT NULL
BEGIN
    GRANT SEND ON SERVICE::[//hart/work/receiver] TO [hart_caller];
    GRANT RECEIVE ON OBJECT::[hart].[WorkSenderQueue] TO [hart_caller];
END;
GO
