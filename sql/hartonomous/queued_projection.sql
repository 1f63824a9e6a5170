-- Points of new embeddings by the queue of scaleout/broker.sql, which has to be installed first. Not part of install.sql.
--
-- A trigger cannot wait for an external process; it writes down the ids, and one call later projects many of them. Whoever may write
-- dbo.AtomEmbeddings needs no further right: the trigger, the table and hart_work.EnqueueWork have one owner, dbo.

SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- dbo.sp_ProjectQueuedEmbeddings: the handler. Not to be run by INSERT ... EXEC (error 8164).
CREATE OR ALTER PROCEDURE dbo.sp_ProjectQueuedEmbeddings
(
    @batch uniqueidentifier
)
AS
BEGIN
    SET NOCOUNT ON;
    SELECT e.AtomEmbeddingId AS id, CAST(e.EmbeddingVector AS varchar(max)) AS v
    INTO #embeddings
    FROM dbo.AtomEmbeddings AS e
    WHERE e.EmbeddingVector IS NOT NULL
      AND e.AtomEmbeddingId IN (SELECT target_id FROM [hart_work].[WorkItem] WHERE batch_id = @batch);
    CREATE TABLE #points
    (
        id bigint NOT NULL PRIMARY KEY, x float, y float, z float, [geometry] varbinary(max), norm float, residual float
    );
    INSERT INTO #points (id, x, y, z, [geometry], norm, residual)
    EXEC [hart].[SpatialProject] @source = N'SELECT id, v FROM #embeddings', @pad = 'yes';
    EXEC dbo.sp_StoreSpatialPoints;
    UPDATE i
    SET result = (SELECT p.x AS x, p.y AS y, p.z AS z FOR JSON PATH, WITHOUT_ARRAY_WRAPPER)
    FROM [hart_work].[WorkItem] AS i
    JOIN #points AS p ON p.id = i.target_id
    WHERE i.batch_id = @batch;
END;
GO
IF NOT EXISTS (SELECT * FROM [hart_work].[WorkHandler] WHERE kind = N'project-embedding')
    INSERT INTO [hart_work].[WorkHandler] (kind, procedure_schema, procedure_name)
    VALUES (N'project-embedding', N'dbo', N'sp_ProjectQueuedEmbeddings');
GO
CREATE OR ALTER TRIGGER dbo.AtomEmbeddings_QueueProjection ON dbo.AtomEmbeddings AFTER INSERT, UPDATE
AS
BEGIN
    SET NOCOUNT ON;
    -- The handler's own update changes points, not vectors, and queues nothing.
    IF NOT UPDATE(EmbeddingVector)
        RETURN;
    DECLARE @ids nvarchar(max) =
        (SELECT N'[' + STRING_AGG(CAST(AtomEmbeddingId AS nvarchar(max)), N',') + N']'
         FROM inserted
         WHERE EmbeddingVector IS NOT NULL);
    IF @ids IS NOT NULL
        EXEC [hart_work].[EnqueueWork] @kind = N'project-embedding', @ids = @ids;
END;
GO
