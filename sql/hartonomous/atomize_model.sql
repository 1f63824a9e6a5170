-- Layers as atoms and coefficients, and back.
--
-- The tables are those that `hart tensor atomize` writes (docs/TENSOR-MODELS.md). A component is two tensor atoms: the right
-- singular vector (AtomType svd_right, role v) with the singular value as coefficient, and the left one (svd_left, u) with 1.
-- The product of both coefficients is the singular value; the vectors are in dbo.TensorAtomPayloads, packed singles; the
-- number of the component, from 1, is in Metadata.

SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- The payloads of tensor atoms, where the application's own script has not made the table. Plain varbinary(max): FILESTREAM
-- does not exist on Linux.
IF OBJECT_ID(N'dbo.TensorAtomPayloads', N'U') IS NULL
    CREATE TABLE dbo.TensorAtomPayloads
    (
        PayloadId bigint IDENTITY NOT NULL CONSTRAINT PK_TensorAtomPayloads PRIMARY KEY,
        TensorAtomId bigint NOT NULL
            CONSTRAINT UQ_TensorAtomPayloads_TensorAtomId UNIQUE
            CONSTRAINT FK_TensorAtomPayloads_TensorAtoms REFERENCES dbo.TensorAtoms (TensorAtomId) ON DELETE CASCADE,
        RowGuid uniqueidentifier NOT NULL CONSTRAINT UQ_TensorAtomPayloads_RowGuid UNIQUE,
        Payload varbinary(max) NULL,
        Metadata nvarchar(max) NULL,
        CreatedAt datetime2(7) NOT NULL CONSTRAINT DF_TensorAtomPayloads_CreatedAt DEFAULT SYSUTCDATETIME()
    );
GO

-- dbo.fn_LayerComponents: the components of a factored layer, coefficients as they are now. What one of a component's two atoms
-- lacks is NULL, which the kernels refuse.
CREATE OR ALTER FUNCTION dbo.fn_LayerComponents(@layer_id bigint)
RETURNS TABLE
AS
RETURN
(
    WITH vectors AS
    (
        SELECT
            c.TensorRole,
            CAST(JSON_VALUE(a.Metadata, '$.component') AS bigint) AS component,
            CAST(c.Coefficient AS float) AS coefficient,
            p.Payload,
            a.SpatialSignature
        FROM dbo.TensorAtomCoefficients AS c
        JOIN dbo.TensorAtoms AS a ON a.TensorAtomId = c.TensorAtomId
        LEFT JOIN dbo.TensorAtomPayloads AS p ON p.TensorAtomId = c.TensorAtomId
        WHERE c.ParentLayerId = @layer_id AND c.TensorRole IN (N'u', N'v')
    )
    SELECT
        COALESCE(v.component, u.component) AS component,
        u.coefficient * v.coefficient AS singular_value,
        u.Payload AS u,
        v.Payload AS v,
        COALESCE(v.SpatialSignature, u.SpatialSignature) AS position
    FROM (SELECT * FROM vectors WHERE TensorRole = N'v') AS v
    FULL OUTER JOIN (SELECT * FROM vectors WHERE TensorRole = N'u') AS u ON u.component = v.component
);
GO

-- dbo.sp_AtomizeModel: factors the weights of one layer (hart.TensorSvd) and stores two tensor atoms for each singular component.
--
-- @model_blob         the layer's elements, row by row; NULL where they are in dbo.LayerTensorSegments.
-- @model_format_hint  how they are stored: f32, f16, bf16, q8_0 and the other payload types of docs/kernels/tensor.md. A whole
--                     GGUF or safetensors file is no layer: `hart` takes it apart outside of the server.
-- @layer_name         text of the layer's own atom, where it has none yet.
-- @parent_layer_id    dbo.ModelLayers; TensorShape has to be two numbers, as in [768, 3072].
-- @max_rank           components at most, from 1 on.
-- Result: one row with LayerId, Components, ExplainedVariance, Status.
--
-- Mends: 3, rows and columns were both the number of parameters, U was joined by row and not stored; 5, the text POINT ZM was
-- refused and its SRID was 4326; 1, tables that do not exist; of section 8, no AtomId was supplied and a cursor went atom by atom.
-- Of a component, both atoms: position = projection of its left vector (no position beyond 1998 rows), M of the position =
-- singular value, importance = its share of the energy. A second run for the layer replaces the first.
-- Not to be run by INSERT ... EXEC (error 8164).
CREATE OR ALTER PROCEDURE dbo.sp_AtomizeModel
(
    @model_blob varbinary(max),
    @model_format_hint nvarchar(50),
    @layer_name nvarchar(256),
    @parent_layer_id bigint,
    @max_rank int = 200,
    @debug bit = 0
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @message nvarchar(2048);
    IF @model_format_hint IS NULL OR @model_format_hint IN (N'gguf', N'safetensors', N'onnx', N'pytorch')
        THROW 59930, N'@model_format_hint is a file format or NULL; expected the payload type of one layer, for example f32. The command hart takes model files apart', 1;

    DECLARE @model_id int, @shape nvarchar(200), @layer_atom_id bigint;
    SELECT @model_id = ModelId, @shape = TensorShape, @layer_atom_id = LayerAtomId
    FROM dbo.ModelLayers
    WHERE LayerId = @parent_layer_id;
    IF @model_id IS NULL
    BEGIN
        SET @message = CONCAT(N'@parent_layer_id is ', COALESCE(CAST(@parent_layer_id AS nvarchar(20)), N'NULL'), N'; expected a layer of dbo.ModelLayers');
        SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
        THROW 59931, @message, 1;
    END;
    DECLARE @columns int =
        (SELECT TRY_CAST([value] AS int)
         FROM OPENJSON(CASE WHEN ISJSON(@shape) = 1 THEN @shape ELSE N'[]' END)
         WHERE [key] = N'1');
    -- Type 2 is a number; an empty text would be 0 as one.
    IF @columns IS NULL OR @columns < 1
       OR (SELECT COUNT(*) FROM OPENJSON(CASE WHEN ISJSON(@shape) = 1 THEN @shape ELSE N'[]' END)) <> 2
       OR EXISTS (SELECT * FROM OPENJSON(CASE WHEN ISJSON(@shape) = 1 THEN @shape ELSE N'[]' END) WHERE [type] <> 2)
    BEGIN
        SET @message = CONCAT(N'TensorShape of layer ', @parent_layer_id, N' is ', COALESCE(N'''' + @shape + N'''', N'NULL'), N'; expected two numbers: [rows, columns]');
        SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
        THROW 59932, @message, 1;
    END;

    IF @max_rank IS NULL OR @max_rank < 1
        THROW 59943, N'@max_rank is NULL or below 1; expected the largest number of components', 1;
    DECLARE @rows int = (SELECT TRY_CAST([value] AS int) FROM OPENJSON(@shape) WHERE [key] = N'0');
    IF @rows IS NULL OR @rows < 1
    BEGIN
        SET @message = CONCAT(N'TensorShape of layer ', @parent_layer_id, N' is ', @shape, N'; expected at least one row');
        SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
        THROW 59932, @message, 1;
    END;

    -- A layer has no more components than its smaller side.
    SELECT @max_rank = MIN(n)
    FROM (SELECT TRY_CAST([value] AS int) AS n FROM OPENJSON(@shape) UNION ALL SELECT @max_rank) AS sides;

    CREATE TABLE #chunks ([chunk] bigint NULL, payload varbinary(max) NULL);
    IF @model_blob IS NOT NULL
        INSERT INTO #chunks ([chunk], payload) VALUES (0, @model_blob);
    ELSE
        INSERT INTO #chunks ([chunk], payload)
        SELECT SegmentOrdinal, RawPayload FROM dbo.LayerTensorSegments WHERE LayerId = @parent_layer_id;
    CREATE TABLE #components
    (
        component int NOT NULL PRIMARY KEY,
        singular_value float NOT NULL,
        u varbinary(max) NOT NULL,
        v varbinary(max) NOT NULL,
        explained_variance float NULL,
        cumulative_variance float NULL,
        [chunk] bigint NOT NULL
    );
    INSERT INTO #components (component, singular_value, u, v, explained_variance, cumulative_variance, [chunk])
    EXEC [hart].[TensorSvd]
        @source = N'SELECT [chunk], payload FROM #chunks',
        @type = @model_format_hint, @rows = @rows, @columns = @columns, @rank = @max_rank;
    IF NOT EXISTS (SELECT * FROM #components)
    BEGIN
        SET @message = CONCAT(N'layer ', @parent_layer_id, N' has no elements in @model_blob and dbo.LayerTensorSegments; expected those of its TensorShape');
        SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
        THROW 59937, @message, 1;
    END;

    CREATE TABLE #points
    (
        id bigint NOT NULL PRIMARY KEY, x float, y float, z float, [geometry] varbinary(max), norm float, residual float
    );
    IF (SELECT MAX(DATALENGTH(u)) FROM #components) <= 4 * 1998
        INSERT INTO #points (id, x, y, z, [geometry], norm, residual)
        EXEC [hart].[SpatialProject]
            @source = N'SELECT CAST(component AS bigint) AS id, u AS v FROM #components', @pad = 'yes';

    -- All external work is done. From here on a transaction of its own, or a savepoint in the caller's, which so keeps what it did before.
    DECLARE @own bit = CASE WHEN @@TRANCOUNT = 0 THEN 1 ELSE 0 END;
    BEGIN TRY
        IF @own = 1
        BEGIN
            -- A client that gives up leaves no open transaction.
            SET XACT_ABORT ON;
            BEGIN TRANSACTION;
        END
        ELSE
            SAVE TRANSACTION hart_atomize_model;
        DECLARE @old TABLE (TensorAtomId bigint NOT NULL PRIMARY KEY);
        INSERT INTO @old (TensorAtomId)
        SELECT TensorAtomId
        FROM dbo.TensorAtoms
        WHERE LayerId = @parent_layer_id AND AtomType IN (N'svd_left', N'svd_right', N'whole');
        DELETE FROM dbo.TensorAtomCoefficients WHERE TensorAtomId IN (SELECT TensorAtomId FROM @old);
        DELETE FROM dbo.TensorAtomPayloads WHERE TensorAtomId IN (SELECT TensorAtomId FROM @old);
        DELETE FROM dbo.TensorAtoms WHERE TensorAtomId IN (SELECT TensorAtomId FROM @old);

        IF @layer_atom_id IS NULL
        BEGIN
            -- Every tensor atom belongs to an atom: the layer's own.
            INSERT INTO dbo.Atoms (ContentHash, Modality, Subtype, SourceType, CanonicalText)
            VALUES
            (
                HASHBYTES('SHA2_256', CONCAT(N'layer:', @parent_layer_id)), N'tensor', N'layer', N'model', @layer_name
            );
            SET @layer_atom_id = SCOPE_IDENTITY();
            UPDATE dbo.ModelLayers SET LayerAtomId = @layer_atom_id WHERE LayerId = @parent_layer_id;
        END;

        -- A singular value that is no normal real is shared between the two coefficients: 2^64 or 2^-64 goes to the left one.
        DECLARE @map TABLE (component int NOT NULL, [role] nvarchar(128) NOT NULL, TensorAtomId bigint NOT NULL, PRIMARY KEY (component, [role]));
        MERGE dbo.TensorAtoms AS target
        USING
        (
            SELECT
                c.component,
                c.explained_variance,
                r.atom_type,
                r.[role],
                CASE WHEN p.x IS NOT NULL
                     THEN geometry::STGeomFromText(
                         CONCAT(N'POINT (', CONVERT(nvarchar(40), p.x, 3), N' ', CONVERT(nvarchar(40), p.y, 3), N' ',
                                CONVERT(nvarchar(40), p.z, 3), N' ', CONVERT(nvarchar(40), c.singular_value, 3), N')'), 0)
                END AS position
            FROM #components AS c
            CROSS JOIN (VALUES (N'svd_right', N'v'), (N'svd_left', N'u')) AS r (atom_type, [role])
            LEFT JOIN #points AS p ON p.id = c.component
        ) AS source
        ON 1 = 0
        WHEN NOT MATCHED THEN
            INSERT (AtomId, ModelId, LayerId, AtomType, SpatialSignature, Metadata, ImportanceScore)
            VALUES (@layer_atom_id, @model_id, @parent_layer_id, source.atom_type, source.position,
                    CONCAT(N'{"component":', source.component, N'}'), source.explained_variance)
        OUTPUT source.component, source.[role], inserted.TensorAtomId INTO @map (component, [role], TensorAtomId);

        INSERT INTO dbo.TensorAtomPayloads (TensorAtomId, RowGuid, Payload, Metadata)
        SELECT
            m.TensorAtomId,
            NEWID(),
            CASE m.[role] WHEN N'u' THEN c.u ELSE c.v END,
            CONCAT(N'{"dtype":"float32","elements":', DATALENGTH(CASE m.[role] WHEN N'u' THEN c.u ELSE c.v END) / 4, N'}')
        FROM #components AS c
        JOIN @map AS m ON m.component = c.component;
        INSERT INTO dbo.TensorAtomCoefficients (TensorAtomId, ParentLayerId, TensorRole, Coefficient)
        SELECT
            m.TensorAtomId,
            @parent_layer_id,
            m.[role],
            CASE m.[role] WHEN N'u' THEN s.share ELSE c.singular_value / s.share END
        FROM #components AS c
        JOIN @map AS m ON m.component = c.component
        CROSS APPLY
        (
            SELECT CASE WHEN c.singular_value > 3.4E38 THEN POWER(2E0, 64)
                        WHEN c.singular_value > 0 AND c.singular_value < 1.2E-38 THEN POWER(2E0, -64)
                        ELSE 1E0 END AS share
        ) AS s;
        UPDATE dbo.ModelLayers
        -- An error that was measured once is not that of these components.
        SET Parameters = JSON_MODIFY(
            JSON_MODIFY(COALESCE(CAST(Parameters AS nvarchar(max)), N'{}'), '$.components', (SELECT COUNT(*) FROM #components)),
            '$.relativeError', NULL)
        WHERE LayerId = @parent_layer_id;
        IF @own = 1
            COMMIT TRANSACTION;
    END TRY
    BEGIN CATCH
        IF @own = 1 AND XACT_STATE() <> 0
            ROLLBACK TRANSACTION;
        ELSE IF @own = 0 AND XACT_STATE() = 1
            ROLLBACK TRANSACTION hart_atomize_model;
        THROW;
    END CATCH;

    SELECT
        @parent_layer_id AS LayerId,
        COUNT(*) AS Components,
        MAX(cumulative_variance) AS ExplainedVariance,
        N'SUCCESS' AS [Status]
    FROM #components;
    IF @debug = 1
        SELECT component, singular_value, explained_variance, cumulative_variance FROM #components ORDER BY component;
END;
GO

-- dbo.sp_ReconstructLayer: the layer's weights from its stored components, coefficients as they are now.
--
-- Replaces clr_ReconstructFromSVD. Mends 3: U is stored, so there is something to rebuild from. A layer that is not factored (a bias, a
-- norm) is the sum of coefficient * payload over its atoms.
-- @query_shape  only what has its position in it; NULL for all.
-- Result: chunk, payload. A layer without atoms: no row.
CREATE OR ALTER PROCEDURE dbo.sp_ReconstructLayer
(
    @parent_layer_id bigint,
    @query_shape geometry = NULL
)
AS
BEGIN
    SET NOCOUNT ON;
    IF EXISTS (SELECT * FROM dbo.TensorAtomCoefficients WHERE ParentLayerId = @parent_layer_id AND TensorRole IN (N'u', N'v'))
    BEGIN
        SELECT component, singular_value, u, v
        INTO #components
        FROM dbo.fn_LayerComponents(@parent_layer_id)
        WHERE @query_shape IS NULL OR position.STIntersects(@query_shape) = 1;
        EXEC [hart].[TensorReconstruct] @source = N'SELECT component, CAST(NULL AS bigint) AS [chunk], singular_value, u, v FROM #components';
        RETURN;
    END;
    SELECT c.TensorAtomId AS atom_id, CAST(0 AS bigint) AS [chunk], CAST(c.Coefficient AS float) AS coefficient, p.Payload AS payload
    INTO #atoms
    FROM dbo.TensorAtomCoefficients AS c
    JOIN dbo.TensorAtoms AS a ON a.TensorAtomId = c.TensorAtomId
    LEFT JOIN dbo.TensorAtomPayloads AS p ON p.TensorAtomId = c.TensorAtomId
    WHERE c.ParentLayerId = @parent_layer_id
      AND (@query_shape IS NULL OR a.SpatialSignature.STIntersects(@query_shape) = 1);
    EXEC [hart].[TensorSynthesize] @source = N'SELECT atom_id, [chunk], coefficient, payload FROM #atoms';
END;
GO

-- dbo.sp_SynthesizeModelLayer: a layer from those of its atoms whose position meets a shape.
--
-- Replaces clr_SynthesizeModelLayer and the shape version of sp_ExtractStudentModel. A factored layer is the sum of coefficient *
-- left vector * right vector over its components (hart.TensorReconstruct); any other one is that of coefficient * payload over
-- its atoms (hart.TensorSynthesize).
-- Mends: 1, singular tables; 3, the left vectors were lost; of section 4, a REAL column read as FLOAT, sums that depended on the
-- order of rows, a connection for each atom, payloads of another length skipped in silence (now an error); 9, errors returned
-- as data.
-- Result: chunk, payload. No atom in the shape: no row. Shapes ignore Z, as all of SQL Server's spatial predicates do.
CREATE OR ALTER PROCEDURE dbo.sp_SynthesizeModelLayer
(
    @query_shape geometry,
    @parent_layer_id bigint
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @query_shape IS NULL OR @query_shape.STIsEmpty() = 1
        THROW 59933, N'@query_shape is NULL or empty; expected an area', 1;
    EXEC dbo.sp_ReconstructLayer @parent_layer_id = @parent_layer_id, @query_shape = @query_shape;
END;
GO

-- Where the four Parquet files of `hart tensor atomize` are loaded first: tables with their names and columns.
IF SCHEMA_ID(N'atomized') IS NULL
    EXEC (N'CREATE SCHEMA atomized');
GO
IF OBJECT_ID(N'atomized.ModelLayers', N'U') IS NULL
    CREATE TABLE atomized.ModelLayers
    (
        LayerId bigint NOT NULL PRIMARY KEY,
        ModelId int NULL,
        LayerIdx int NOT NULL,
        LayerName nvarchar(max) NOT NULL,
        LayerType nvarchar(50) NOT NULL,
        TensorShape nvarchar(200) NOT NULL,
        TensorDtype nvarchar(20) NOT NULL,
        QuantizationType nvarchar(20) NULL,
        Parameters nvarchar(max) NOT NULL,
        ParameterCount bigint NOT NULL
    );
GO
IF OBJECT_ID(N'atomized.TensorAtoms', N'U') IS NULL
    CREATE TABLE atomized.TensorAtoms
    (
        TensorAtomId bigint NOT NULL PRIMARY KEY,
        ModelId int NULL,
        LayerId bigint NOT NULL,
        AtomType nvarchar(128) NOT NULL,
        Metadata nvarchar(max) NOT NULL,
        ImportanceScore real NOT NULL
    );
GO
IF OBJECT_ID(N'atomized.TensorAtomCoefficients', N'U') IS NULL
    CREATE TABLE atomized.TensorAtomCoefficients
    (
        TensorAtomCoefficientId bigint NOT NULL PRIMARY KEY,
        TensorAtomId bigint NOT NULL,
        ParentLayerId bigint NOT NULL,
        TensorRole nvarchar(128) NOT NULL,
        Coefficient real NOT NULL
    );
GO
IF OBJECT_ID(N'atomized.TensorAtomPayloads', N'U') IS NULL
    CREATE TABLE atomized.TensorAtomPayloads
    (
        PayloadId bigint NOT NULL PRIMARY KEY,
        TensorAtomId bigint NOT NULL UNIQUE,
        RowGuid uniqueidentifier NOT NULL,
        Payload varbinary(max) NOT NULL,
        Metadata nvarchar(max) NOT NULL
    );
GO

-- dbo.sp_LoadAtomizedModel: moves what is in the schema atomized to a model of the application.
--
-- Ids are assigned anew; each layer gets an atom of its own, which is the AtomId of its tensor atoms. Positions are those that
-- dbo.sp_AtomizeModel gives: of both atoms of a component, the projection of the left vector, up to 1998 rows, with the singular
-- value as M. Not to be run by INSERT ... EXEC (error 8164).
-- All in one transaction: afterwards the tables of the schema are empty, or nothing has changed.
-- Result: one row with ModelId, Layers, TensorAtoms.
CREATE OR ALTER PROCEDURE dbo.sp_LoadAtomizedModel
(
    @model_id int
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @message nvarchar(2048);
    IF NOT EXISTS (SELECT * FROM dbo.Models WHERE ModelId = @model_id)
    BEGIN
        SET @message = CONCAT(N'@model_id is ', COALESCE(CAST(@model_id AS nvarchar(20)), N'NULL'), N'; expected a model of dbo.Models');
        SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
        THROW 59938, @message, 1;
    END;
    IF EXISTS
    (
        SELECT *
        FROM atomized.TensorAtoms AS a
        LEFT JOIN atomized.ModelLayers AS l ON l.LayerId = a.LayerId
        LEFT JOIN atomized.TensorAtomPayloads AS p ON p.TensorAtomId = a.TensorAtomId
        LEFT JOIN atomized.TensorAtomCoefficients AS c ON c.TensorAtomId = a.TensorAtomId AND c.ParentLayerId = a.LayerId
        WHERE l.LayerId IS NULL OR p.TensorAtomId IS NULL OR c.TensorAtomId IS NULL
    )
    OR (SELECT COUNT_BIG(*) FROM atomized.TensorAtoms) <> (SELECT COUNT_BIG(*) FROM atomized.TensorAtomPayloads)
    OR (SELECT COUNT_BIG(*) FROM atomized.TensorAtoms) <> (SELECT COUNT_BIG(*) FROM atomized.TensorAtomCoefficients)
        THROW 59939, N'the tables of the schema atomized do not fit each other; expected all rows of the four files of one `hart tensor atomize`', 1;

    -- All external work comes first.
    SELECT a.TensorAtomId AS id, p.Payload AS v
    INTO #left
    FROM atomized.TensorAtoms AS a
    JOIN atomized.TensorAtomPayloads AS p ON p.TensorAtomId = a.TensorAtomId
    WHERE a.AtomType = N'svd_left' AND DATALENGTH(p.Payload) <= 4 * 1998;
    CREATE TABLE #points
    (
        id bigint NOT NULL PRIMARY KEY, x float, y float, z float, [geometry] varbinary(max), norm float, residual float
    );
    IF EXISTS (SELECT * FROM #left)
        INSERT INTO #points (id, x, y, z, [geometry], norm, residual)
        EXEC [hart].[SpatialProject] @source = N'SELECT id, v FROM #left', @pad = 'yes';
    SELECT
        u.LayerId,
        CAST(JSON_VALUE(u.Metadata, '$.component') AS bigint) AS component,
        geometry::STGeomFromText(
            CONCAT(N'POINT (', CONVERT(nvarchar(40), p.x, 3), N' ', CONVERT(nvarchar(40), p.y, 3), N' ', CONVERT(nvarchar(40), p.z, 3),
                   N' ', CONVERT(nvarchar(40), CAST(cu.Coefficient AS float) * CAST(cv.Coefficient AS float), 3), N')'), 0) AS position
    INTO #positions
    FROM #points AS p
    JOIN atomized.TensorAtoms AS u ON u.TensorAtomId = p.id
    JOIN atomized.TensorAtomCoefficients AS cu ON cu.TensorAtomId = u.TensorAtomId
    JOIN atomized.TensorAtoms AS v
        ON v.LayerId = u.LayerId
        AND v.AtomType = N'svd_right'
        AND JSON_VALUE(v.Metadata, '$.component') = JSON_VALUE(u.Metadata, '$.component')
    JOIN atomized.TensorAtomCoefficients AS cv ON cv.TensorAtomId = v.TensorAtomId;

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
            SAVE TRANSACTION hart_load_model;
        DECLARE @layers TABLE (old_id bigint NOT NULL PRIMARY KEY, new_id bigint NOT NULL UNIQUE, layer_name nvarchar(max) NOT NULL);
        MERGE dbo.ModelLayers AS target
        USING atomized.ModelLayers AS source
        ON 1 = 0
        WHEN NOT MATCHED THEN
            INSERT (ModelId, LayerIdx, LayerName, LayerType, TensorShape, TensorDtype, QuantizationType, Parameters, ParameterCount)
            VALUES (@model_id, source.LayerIdx, source.LayerName, source.LayerType, source.TensorShape, source.TensorDtype,
                    source.QuantizationType, source.Parameters, source.ParameterCount)
        OUTPUT source.LayerId, inserted.LayerId, source.LayerName INTO @layers (old_id, new_id, layer_name);

        DECLARE @atoms TABLE (layer_id bigint NOT NULL PRIMARY KEY, AtomId bigint NOT NULL);
        MERGE dbo.Atoms AS target
        USING @layers AS source
        ON 1 = 0
        WHEN NOT MATCHED THEN
            INSERT (ContentHash, Modality, Subtype, SourceType, CanonicalText)
            VALUES (HASHBYTES('SHA2_256', CONCAT(N'layer:', source.new_id)), N'tensor', N'layer', N'model', source.layer_name)
        OUTPUT source.new_id, inserted.AtomId INTO @atoms (layer_id, AtomId);
        UPDATE l
        SET LayerAtomId = a.AtomId
        FROM dbo.ModelLayers AS l
        JOIN @atoms AS a ON a.layer_id = l.LayerId;

        DECLARE @map TABLE (old_id bigint NOT NULL PRIMARY KEY, new_id bigint NOT NULL);
        MERGE dbo.TensorAtoms AS target
        USING
        (
            SELECT t.TensorAtomId, a.AtomId, l.new_id, t.AtomType, s.position, t.Metadata, t.ImportanceScore
            FROM atomized.TensorAtoms AS t
            JOIN @layers AS l ON l.old_id = t.LayerId
            JOIN @atoms AS a ON a.layer_id = l.new_id
            LEFT JOIN #positions AS s
                ON t.AtomType IN (N'svd_left', N'svd_right')
                AND s.LayerId = t.LayerId
                AND s.component = CAST(JSON_VALUE(t.Metadata, '$.component') AS bigint)
        ) AS source
        ON 1 = 0
        WHEN NOT MATCHED THEN
            INSERT (AtomId, ModelId, LayerId, AtomType, SpatialSignature, Metadata, ImportanceScore)
            VALUES (source.AtomId, @model_id, source.new_id, source.AtomType, source.position, source.Metadata, source.ImportanceScore)
        OUTPUT source.TensorAtomId, inserted.TensorAtomId INTO @map (old_id, new_id);

        INSERT INTO dbo.TensorAtomCoefficients (TensorAtomId, ParentLayerId, TensorRole, Coefficient)
        SELECT m.new_id, l.new_id, c.TensorRole, c.Coefficient
        FROM atomized.TensorAtomCoefficients AS c
        JOIN @map AS m ON m.old_id = c.TensorAtomId
        JOIN @layers AS l ON l.old_id = c.ParentLayerId;
        INSERT INTO dbo.TensorAtomPayloads (TensorAtomId, RowGuid, Payload, Metadata)
        SELECT m.new_id, NEWID(), p.Payload, p.Metadata
        FROM atomized.TensorAtomPayloads AS p
        JOIN @map AS m ON m.old_id = p.TensorAtomId;
        DELETE FROM atomized.TensorAtomPayloads;
        DELETE FROM atomized.TensorAtomCoefficients;
        DELETE FROM atomized.TensorAtoms;
        DELETE FROM atomized.ModelLayers;
        IF @own = 1
            COMMIT TRANSACTION;
    END TRY
    BEGIN CATCH
        IF @own = 1 AND XACT_STATE() <> 0
            ROLLBACK TRANSACTION;
        ELSE IF @own = 0 AND XACT_STATE() = 1
            ROLLBACK TRANSACTION hart_load_model;
        THROW;
    END CATCH;

    SELECT
        @model_id AS ModelId,
        (SELECT COUNT(*) FROM @layers) AS Layers,
        (SELECT COUNT(*) FROM @map) AS TensorAtoms;
END;
GO
