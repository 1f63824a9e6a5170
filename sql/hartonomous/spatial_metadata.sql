SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- dbo.sp_UpdateAtomEmbeddingSpatialMetadata: counts and extents of the bucket that an embedding lies in.
--
-- Mends: 1, its table was created nowhere; of section 8, rows of one bucket were grouped by their coordinate too, so that MERGE
-- failed with error 8672. A bucket without rows has no entry. Buckets themselves are computed by
-- dbo.sp_RecomputeAllSpatialProjections, in one way.
CREATE OR ALTER PROCEDURE dbo.sp_UpdateAtomEmbeddingSpatialMetadata
(
    @embedding_id bigint
)
AS
BEGIN
    SET NOCOUNT ON;
    -- Stands for "no Z" in the application's tables.
    DECLARE @no_z int = -2147483648;
    DECLARE @x int, @y int, @z int, @has_z bit;
    SELECT
        @x = SpatialBucketX,
        @y = SpatialBucketY,
        @z = CASE WHEN SpatialProjZ IS NULL THEN @no_z ELSE COALESCE(SpatialBucketZ, 0) END,
        @has_z = CASE WHEN SpatialProjZ IS NULL THEN 0 ELSE 1 END
    FROM dbo.AtomEmbeddings
    WHERE AtomEmbeddingId = @embedding_id;
    IF @x IS NULL OR @y IS NULL
        RETURN;

    -- A transaction of its own, or a savepoint in the caller's, which so keeps what it did before.
    DECLARE @own bit = CASE WHEN @@TRANCOUNT = 0 THEN 1 ELSE 0 END;
    BEGIN TRY
        IF @own = 1
        BEGIN
            -- A client that gives up leaves no open transaction.
            SET XACT_ABORT ON;
            BEGIN TRANSACTION;
        END
        ELSE
            SAVE TRANSACTION hart_spatial_metadata;
        -- The range lock makes two sessions at the same bucket take turns.
        DELETE FROM dbo.AtomEmbeddingSpatialMetadata WITH (HOLDLOCK)
        WHERE SpatialBucketX = @x AND SpatialBucketY = @y AND SpatialBucketZ = @z AND HasZ = @has_z;
        INSERT INTO dbo.AtomEmbeddingSpatialMetadata
            (SpatialBucketX, SpatialBucketY, SpatialBucketZ, HasZ, EmbeddingCount,
             MinProjX, MaxProjX, MinProjY, MaxProjY, MinProjZ, MaxProjZ, UpdatedAt)
        SELECT
            @x, @y, @z, @has_z, COUNT_BIG(*),
            MIN(SpatialProjX), MAX(SpatialProjX), MIN(SpatialProjY), MAX(SpatialProjY), MIN(SpatialProjZ), MAX(SpatialProjZ),
            SYSUTCDATETIME()
        FROM dbo.AtomEmbeddings
        WHERE SpatialBucketX = @x
          AND SpatialBucketY = @y
          AND ((@has_z = 0 AND SpatialProjZ IS NULL) OR (@has_z = 1 AND SpatialProjZ IS NOT NULL AND COALESCE(SpatialBucketZ, 0) = @z))
        HAVING COUNT_BIG(*) > 0;
        IF @own = 1
            COMMIT TRANSACTION;
    END TRY
    BEGIN CATCH
        IF @own = 1 AND XACT_STATE() <> 0
            ROLLBACK TRANSACTION;
        ELSE IF @own = 0 AND XACT_STATE() = 1
            ROLLBACK TRANSACTION hart_spatial_metadata;
        THROW;
    END CATCH;
END;
GO
