-- Layers as atoms and coefficients, and back.

-- dbo.sp_AtomizeModel: factors the weights of one layer (hart.TensorSvd) and stores one tensor atom for each singular component.
--
-- @model_blob         the layer's elements, row by row; NULL where they are in dbo.LayerTensorSegments.
-- @model_format_hint  how they are stored: f32, f16, bf16, q8_0 and the other payload types of docs/KERNELS.md. A whole
--                     GGUF or safetensors file is no layer: `hart` takes it apart outside of the server.
-- @layer_name         stored as the coefficients' role.
-- @parent_layer_id    dbo.ModelLayers; TensorShape has to be two numbers, as in [768, 3072].
-- @max_rank           components at most.
-- Result: one row with LayerId, Components, ExplainedVariance, Status.
--
-- Mends: 3, rows and columns were both the number of parameters, U was joined by row and not stored; 5, the text POINT ZM was
-- refused and its SRID was 4326; 1, tables that do not exist; of section 8, no AtomId was supplied and a cursor went atom by atom.
-- Of a component: position = projection of its left vector (no position beyond 1998 rows), M of the position and coefficient =
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
        cumulative_variance float NULL
    );
    INSERT INTO #components (component, singular_value, u, v, explained_variance, cumulative_variance)
    EXEC [hart].[TensorSvd]
        @source = N'SELECT [chunk], payload FROM #chunks',
        @type = @model_format_hint, @columns = @columns, @rank = @max_rank;

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
        SELECT TensorAtomId FROM dbo.TensorAtomComponents WHERE LayerId = @parent_layer_id;
        DELETE FROM dbo.TensorAtomCoefficients WHERE TensorAtomId IN (SELECT TensorAtomId FROM @old);
        DELETE FROM dbo.TensorAtomComponents WHERE LayerId = @parent_layer_id;
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

        DECLARE @map TABLE (component int NOT NULL PRIMARY KEY, TensorAtomId bigint NOT NULL);
        MERGE dbo.TensorAtoms AS target
        USING
        (
            SELECT
                c.component,
                c.explained_variance,
                CASE WHEN p.x IS NOT NULL
                     THEN geometry::STGeomFromText(
                         CONCAT(N'POINT (', CONVERT(nvarchar(40), p.x, 3), N' ', CONVERT(nvarchar(40), p.y, 3), N' ',
                                CONVERT(nvarchar(40), p.z, 3), N' ', CONVERT(nvarchar(40), c.singular_value, 3), N')'), 0)
                END AS position
            FROM #components AS c
            LEFT JOIN #points AS p ON p.id = c.component
        ) AS source
        ON 1 = 0
        WHEN NOT MATCHED THEN
            INSERT (AtomId, ModelId, LayerId, AtomType, SpatialSignature, ImportanceScore)
            VALUES (@layer_atom_id, @model_id, @parent_layer_id, N'svd-component', source.position, source.explained_variance)
        OUTPUT source.component, inserted.TensorAtomId INTO @map (component, TensorAtomId);

        INSERT INTO dbo.TensorAtomComponents (TensorAtomId, LayerId, Component, SingularValue, LeftVector, RightVector)
        SELECT m.TensorAtomId, @parent_layer_id, c.component, c.singular_value, c.u, c.v
        FROM #components AS c
        JOIN @map AS m ON m.component = c.component;
        INSERT INTO dbo.TensorAtomCoefficients (TensorAtomId, ParentLayerId, TensorRole, Coefficient)
        SELECT m.TensorAtomId, @parent_layer_id, LEFT(@layer_name, 128), c.singular_value
        FROM #components AS c
        JOIN @map AS m ON m.component = c.component;
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
-- Replaces clr_ReconstructFromSVD. Mends 3: U is stored, so there is something to rebuild from.
-- Result: the columns of hart.TensorReconstruct (chunk, payload).
CREATE OR ALTER PROCEDURE dbo.sp_ReconstructLayer
(
    @parent_layer_id bigint
)
AS
BEGIN
    SET NOCOUNT ON;
    SELECT CAST(p.Component AS bigint) AS component, CAST(c.Coefficient AS float) AS singular_value, p.LeftVector AS u, p.RightVector AS v
    INTO #components
    FROM dbo.TensorAtomComponents AS p
    JOIN dbo.TensorAtomCoefficients AS c ON c.TensorAtomId = p.TensorAtomId AND c.ParentLayerId = p.LayerId
    WHERE p.LayerId = @parent_layer_id;
    EXEC [hart].[TensorReconstruct] @source = N'SELECT component, singular_value, u, v FROM #components';
END;
GO

-- dbo.sp_SynthesizeModelLayer: the sum of coefficient * payload over the atoms of a layer whose position meets a shape.
--
-- Replaces clr_SynthesizeModelLayer and the shape version of sp_ExtractStudentModel. Payloads are the atoms' right vectors.
-- Mends: 1, singular tables; of section 4, a REAL column read as FLOAT, sums that depended on the order of rows, a connection for
-- each atom, payloads of another length skipped in silence (now an error); 9, errors returned as data.
-- Result: the columns of hart.TensorSynthesize (chunk, payload). No atom in the shape: no row. Shapes ignore Z, as all of
-- SQL Server's spatial predicates do.
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
    SELECT p.TensorAtomId AS atom_id, CAST(0 AS bigint) AS [chunk], CAST(c.Coefficient AS float) AS coefficient, p.RightVector AS payload
    INTO #atoms
    FROM dbo.TensorAtomComponents AS p
    JOIN dbo.TensorAtoms AS a ON a.TensorAtomId = p.TensorAtomId
    JOIN dbo.TensorAtomCoefficients AS c ON c.TensorAtomId = p.TensorAtomId AND c.ParentLayerId = p.LayerId
    WHERE p.LayerId = @parent_layer_id AND a.SpatialSignature.STIntersects(@query_shape) = 1;
    EXEC [hart].[TensorSynthesize] @source = N'SELECT atom_id, [chunk], coefficient, payload FROM #atoms';
END;
GO
